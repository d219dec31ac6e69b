//! Words of Slavic languages.

use super::super::words::{
    Language,
    Sense::{
        Analysis, Answer, As, Bad, Benign, Call, Flag, Ignore, Link, Model, Must, Named, NewOrder,
        Not, Note, Obey, Only, Order, Prior, Reading, Report, Reveal, Safe, Secret, Send, Stop,
        Tell, Thing, Tool, User, YouAre,
    },
};

pub(super) const POLISH: Language = Language {
    senses: &[
        (
            Ignore,
            "zignoruj* ignoruj* zapomnij* pomiń* pomijaj* nie_zważaj* nie_stosuj* odrzuć* porzuć* \
            obejdź* nadpisz* nie_bierz anuluj* lekceważ* zlekceważ*",
        ),
        (
            Prior,
            "poprzedni* wcześniejsz* powyższ* wszystki* swoje twoje swoich dotychczasow* wszelki* \
            początkow* pierwotn* otrzyman* wszystko istniejąc* uprzedni*",
        ),
        (
            Order,
            "instrukcj* polece* zasad* reguł* wytyczn* rozkaz* nakaz* ogranicze* dyrektyw* \
            prompt*",
        ),
        (Obey, "stosuj* przestrzegaj* słuchaj*"),
        (
            NewOrder,
            "nowe_polecen* nowe_instrukcj* twoje_zadanie twoim_zadaniem nowe_zadanie \
            nowa_instrukcja",
        ),
        (
            Report,
            "zgłoś* raportuj* zaraportuj* oznacz* sklasyfikuj* zaklasyfikuj* traktuj* potraktuj* \
            uznaj* uznać odpowiedz* oceń* określ* opisz* podaj* stwierdź* powiedz* zakwalifikuj* \
            uważaj* oznaczyć sklasyfikować",
        ),
        (
            Thing,
            "ten_plik tego_pliku plik_jako tę_próbkę tę_stronę ta_strona tę_domenę ta_domena \
            ten_adres ten_program ten_dokument ten_załącznik go_jako ją_jako to_jako domenę_jako \
            plik_za próbkę_jako ta_próbka plik_jest ten_link tej_domeny",
        ),
        (As, "jako za jest"),
        (
            Benign,
            "nieszkodliw* niegroźn* bezpieczny_plik fałszywy_alarm fałszywie_pozytywn* \
            fałszywie_dodatni* czyst* niezłośliw* brak_zagroże* łagodn* legaln* \
            nie_jest_złośliw* niezainfekowan*",
        ),
        (Safe, "bezpieczn* zaufan* wiarygodn* dobry"),
        (Not, "nie nigdy"),
        (
            Flag,
            "oznaczaj* zgłaszaj* flaguj* alarmuj* klasyfikuj* ostrzegaj*",
        ),
        (
            Bad,
            "złośliw* szkodliw* podejrzan* niebezpieczn* wirus* zagroże* malware",
        ),
        (
            YouAre,
            "jesteś jesteś_teraz zachowuj_się działaj_jako udawaj wciel_się wyobraź_sobie \
            odgrywaj",
        ),
        (
            Must,
            "musisz należy powinieneś zawsze proszę od_teraz natychmiast masz_obowiązek trzeba",
        ),
        (
            Model,
            "ai sztuczn*_inteligencj* sztuczna_inteligencja sztucznej_inteligencji model_językowy \
            modelu_językow* modelem_językow* modeli_językow* asystent_ai asystentem_ai \
            modele_językowe si",
        ),
        (Named, "asystent* agentem model bez_ogranicze*"),
        (
            Note,
            "uwaga notatka_dla wiadomość_do wiadomość_dla do_wszystkich do_każd* drogi droga \
            witaj cześć instrukcja_dla instrukcje_dla ważne informacja_dla dla_modelu \
            polecenie_dla",
        ),
        (
            Reading,
            "czyta czytasz czytając analizuj* przetwarza* ocenia*",
        ),
        (
            Reveal,
            "pokaż* ujawnij* wypisz* wydrukuj* powtórz* wyślij* podaj* wyświetl* zdradź*",
        ),
        (
            Secret,
            "swoje_instrukcje twoje_instrukcje prompt_systemow* instrukcje_systemow* \
            historię_rozmowy historię_czatu swój_prompt dane_logowania komunikat_systemowy \
            klucz_api klucze_api poufne_instrukcje początkowe_instrukcje",
        ),
        (Send, "wyślij* prześlij* przekaż* wgraj"),
        (Answer, "odpowiedz* odpowiedź odpowiadaj* odpisz powiedz"),
        (Only, "tylko wyłącznie jedynie nic_więcej"),
        (
            Tell,
            "mów informuj* wspominaj* ostrzegaj* powiadamiaj* ujawniaj* zgłaszaj* alarmuj*",
        ),
        (User, "użytkownik* analityk*"),
        (
            Stop,
            "przerwij* zatrzymaj* zakończ* pomiń* wstrzymaj* zaprzestań",
        ),
        (Analysis, "analiz* badani* sprawdzani* weryfikacj*"),
        (Call, "wywołaj* użyj uruchom"),
        (Tool, "narzędzi* funkcj*"),
    ],
};

pub(super) const RUSSIAN: Language = Language {
    senses: &[
        (
            Ignore,
            "игнорируй* проигнорируй* игнорировать забудь* забыть не_обращай* отбрось* отмени* \
            не_следуй* пренебреги* не_учитывай* обойди* отклони* не_выполняй* пропусти* \
            отбросьте перезапиши*",
        ),
        (
            Prior,
            "предыдущ* прежн* все всё вышеуказанн* выше прошл* твои свои ваши ранее предшествующ* \
            любые изначальн* исходн* полученн* системн* вышеизложенн* данные",
        ),
        (
            Order,
            "инструкц* указани* правил* команд* директив* распоряжени* приказ* ограничени* \
            промпт* установк* предписани* запрос*",
        ),
        (Obey, "следуй* выполняй* соблюдай* слушай* придерживайся"),
        (
            NewOrder,
            "новая_инструкция новые_инструкции новые_указания твоя_задача ваша_задача \
            новое_задание новая_задача",
        ),
        (
            Report,
            "сообщи* отметь* пометь* классифицируй* считай* считать рассматривай* расценивай* \
            оцени* отвечай* ответь* укажи* определи* признай* назови* обозначь* опиши* объяви* \
            маркируй* отнеси* помечай* отчитайся скажи* доложи* отмечай* классифицировать \
            пометить",
        ),
        (
            Thing,
            "этот_файл этого_файла данный_файл этот_сайт этот_домен этот_адрес эту_ссылку \
            эту_страницу эта_программа эту_программу этот_документ этот_образец его_как её_как \
            это_как файл_как домен_как файл_безопас* файл_является этот_объект данный_домен \
            этот_url данный_сайт данный_образец эта_ссылка файл_чист* файл_безвред* образец_как \
            этот_хост",
        ),
        (As, "как является в_качестве будто"),
        (
            Benign,
            "безвредн* безопасный_файл ложное_срабатывание ложноположительн* чистый чистым чистая \
            чист доброкачественн* не_вредоносн* невредоносн* безобидн* легитимн* не_опасн* \
            неопасн* нет_угроз* угроз_нет без_угроз не_представляет*",
        ),
        (Safe, "безопасн* надёжн* надежн* доверенн* проверенн*"),
        (Not, "не никогда нельзя"),
        (
            Flag,
            "помечай* отмечай* сообщай_об_этом сообщай_о_вредонос* поднимай_тревог* флагуй* \
            классифицируй* предупреждай*",
        ),
        (
            Bad,
            "вредонос* опасн* подозрительн* вирус* угроз* зловред* троян*",
        ),
        (
            YouAre,
            "ты_теперь теперь_ты ты_больше ты_являешься вы_являетесь действуй_как веди_себя \
            представь_что притворись ты_ии ты_языков* ты_модель ты_ассистент* вы_ии вы_языков* \
            выступай_в_роли играй_роль если_ты если_вы ты_помощник ты_нейросет* ты_искусственн* \
            вы_искусственн* ты",
        ),
        (
            Must,
            "ты_должен ты_должна вы_должны должен должна всегда обязательно пожалуйста отныне \
            с_этого_момента немедленно следует необходимо нужно",
        ),
        (
            Model,
            "ии искусственн*_интеллект искусственный_интеллект искусственного_интеллекта \
            искусственному_интеллекту языковая_модель языковой_модели языковых_моделей \
            языковым_моделям языковую_модель нейросет* чат_бот* ии_ассистент* ии_модел* \
            ии_агент*",
        ),
        (Named, "ассистент* помощник* модель без_ограничений агент"),
        (
            Note,
            "внимание заметка_для примечание_для сообщение_для обращение_к уважаемый уважаемая \
            дорогой привет здравствуй инструкция_для инструкции_для важно для_любого для_всех \
            всем любой_ии указание_для",
        ),
        (
            Reading,
            "читает читающ* читаешь анализиру* обрабатыва* проверя* оценива*",
        ),
        (
            Reveal,
            "покажи* раскрой* выведи* напечатай* повтори* отправь* выдай* напиши* перечисли* \
            сообщи*",
        ),
        (
            Secret,
            "свои_инструкции твои_инструкции системный_промпт системного_промпта \
            системные_инструкции историю_переписки историю_разговора историю_чата \
            историю_диалога свой_промпт учётные_данные учетные_данные системное_сообщение \
            ключ_api ключи_api api_ключ* начальные_инструкции свои_правила системную_инструкцию",
        ),
        (Send, "отправь* перешли* передай* пошли загрузи* вышли"),
        (Link, "адрес сервер* ссылк* почт*"),
        (Answer, "отвечай* ответь* ответ ответить скажи* твой_ответ"),
        (
            Only,
            "только лишь исключительно ничего_кроме ничего_больше одним_словом",
        ),
        (
            Tell,
            "говори* сообщай* упоминай* предупреждай* уведомляй* рассказывай* раскрывай*",
        ),
        (User, "пользовател* аналитик*"),
        (
            Stop,
            "прекрати* останови* заверши* пропусти* прерви* не_проводи",
        ),
        (Analysis, "анализ* проверк* исследовани* расследовани*"),
        (Call, "вызови* используй* запусти*"),
        (Tool, "инструмент* функци*"),
    ],
};

pub(super) const UKRAINIAN: Language = Language {
    senses: &[
        (
            Ignore,
            "ігноруй* проігноруй* ігнорувати забудь* не_зважай* відкинь* скасуй* не_дотримуйся \
            не_виконуй* знехтуй* не_враховуй* обійди* пропусти*",
        ),
        (
            Prior,
            "попередн* усі всі вищезазначен* вище минул* твої свої ваші раніше будь_які початков* \
            отриман* системн* наведен* все",
        ),
        (
            Order,
            "інструкці* вказівк* правил* команд* директив* розпоряджен* наказ* обмежен* промпт* \
            настанов*",
        ),
        (Obey, "дотримуйся виконуй* слухай*"),
        (
            NewOrder,
            "нова_інструкція нові_інструкції нові_вказівки твоє_завдання ваше_завдання \
            нове_завдання",
        ),
        (
            Report,
            "повідом* познач* класифікуй* вважай* вважати розглядай* оціни* відповідай* відповіси \
            вкажи* визнач* визнай* назви* опиши* оголоси* маркуй* віднеси* скажи* трактуй*",
        ),
        (
            Thing,
            "цей_файл цього_файлу даний_файл цей_сайт цей_домен це_посилання цю_сторінку \
            цю_програму ця_програма цей_документ цей_зразок його_як її_як це_як файл_як домен_як \
            файл_безпечн* файл_є цю_адресу цей_об_єкт",
        ),
        (As, "як є безпечним"),
        (
            Benign,
            "нешкідлив* безпечний_файл хибне_спрацювання хибнопозитивн* хибно_позитивн* чистий \
            чистим чиста доброякісн* не_шкідлив* безневинн* легітимн* безпечним безпечного \
            немає_загроз* загроз_немає",
        ),
        (Safe, "безпечн* надійн* довірен*"),
        (Not, "не ніколи"),
        (
            Flag,
            "позначай* повідомляй_про_це класифікуй* попереджай* відмічай*",
        ),
        (
            Bad,
            "шкідлив* небезпечн* підозріл* вірус* загроз* зловмисн*",
        ),
        (
            YouAre,
            "ти_тепер тепер_ти ти_є ви_є дій_як поводься уяви_що удавай ти_ші ти_модель ти_мовна \
            ти_асистент ти_помічник якщо_ти якщо_ви ти",
        ),
        (
            Must,
            "ти_повинен ти_маєш ви_повинні повинен повинна завжди будь_ласка відтепер негайно \
            слід необхідно потрібно обов_язково",
        ),
        (
            Model,
            "ші штучний_інтелект штучного_інтелекту штучному_інтелекту штучним_інтелектом \
            мовна_модель мовної_моделі мовних_моделей мовній_моделі мовною_моделлю нейромереж* \
            чат_бот*",
        ),
        (Named, "асистент* помічник* модель без_обмежень"),
        (
            Note,
            "увага примітка_для нотатка_для повідомлення_для звернення_до шановний шановна привіт \
            вітаю інструкція_для інструкції_для важливо для_будь всім вказівка_для до_уваги",
        ),
        (Reading, "читає читаєш аналізу* обробля* перевіря* оціню*"),
        (
            Reveal,
            "покажи* розкрий* виведи* надрукуй* повтори* надішли* напиши*",
        ),
        (
            Secret,
            "свої_інструкції твої_інструкції системний_промпт системного_промпту \
            системні_інструкції історію_розмови історію_чату облікові_дані свій_промпт \
            системне_повідомлення",
        ),
        (Send, "надішли* відправ* передай* перешли*"),
        (Link, "адрес* сервер* посиланн*"),
        (
            Answer,
            "відповідай* відповідь відповісти скажи* дай_відповідь",
        ),
        (Only, "лише тільки виключно нічого_крім"),
        (
            Tell,
            "кажи* повідомляй* згадуй* попереджай* сповіщай* розповідай*",
        ),
        (User, "користувач* аналітик*"),
        (Stop, "припини* зупини* заверши* пропусти* перерви*"),
        (Analysis, "аналіз* перевірк* дослідженн* розслідуванн*"),
        (Call, "виклич* використай* запусти*"),
        (Tool, "інструмент* функці*"),
    ],
};
