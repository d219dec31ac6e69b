//! Words of West Slavic languages. Of Czech and Slovak, the most common ones of an instruction only.

use super::super::{
    senses::Sense::{
        Analysis, Answer, As, Bad, Benign, Call, Finding, Flag, Human, Ignore, Just, Law, Link,
        Low, Model, Must, Named, NewOrder, Not, Note, Now, Obey, Only, Order, Persona, Pretend,
        Prior, Reading, Report, Reveal, Safe, Score, Secret, Send, Stop, Tell, Thing, Tool, User,
        YouAre,
    },
    words::Language,
};

pub(super) const POLISH: Language = Language {
    senses: &[
        (
            Ignore,
            "zignoruj* ignoruj* zapomnij* pomiń* pomijaj* nie_zważaj* nie_stosuj* odrzuć* porzuć* \
            obejdź* nadpisz* nie_bierz anuluj* lekceważ* zlekceważ* zignorować ignorować",
        ),
        (
            Prior,
            "poprzedni* wcześniejsz* powyższ* wszystki* swoje twoje swoich dotychczasow* wszelki* \
            początkow* pierwotn* otrzyman* wszystko istniejąc* uprzedni*",
        ),
        (
            Order,
            "instrukcj* polece* zasad* reguł* wytyczn* rozkaz* nakaz* ogranicze* dyrektyw* prompt*",
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
            uważaj* oznaczyć sklasyfikować oznacza* nazwij potwierdź* zapewnij* napisz* \
            odpowiadasz mówisz",
        ),
        (
            Thing,
            "ten_plik tego_pliku plik_jako tę_próbkę tę_stronę ta_strona tę_domenę ta_domena \
            ten_adres ten_program ten_dokument ten_załącznik go_jako ją_jako to_jako domenę_jako \
            plik_za próbkę_jako ta_próbka plik_jest ten_link tej_domeny ten_host plik_nie plik_to",
        ),
        (As, "jako za jest"),
        (
            Benign,
            "nieszkodliw* niegroźn* bezpieczny_plik fałszywy_alarm fałszywie_pozytywn* \
            fałszywie_dodatni* czyst* niezłośliw* brak_zagroże* łagodn* legaln* nie_jest_złośliw* \
            niezainfekowan* nie_wykryto_zagroże* brak_ryzyka żadnego_zagrożenia nie_ma_zagroże*",
        ),
        (Safe, "bezpieczn* zaufan* wiarygodn* dobry w_porządku"),
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
            "jesteś jesteś_teraz zachowuj_się działaj_jako udawaj wciel_się wyobraź_sobie odgrywaj",
        ),
        (
            Must,
            "musisz należy powinieneś zawsze proszę od_teraz natychmiast masz_obowiązek trzeba \
            uprzejmie obowiązkowo",
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
            "uwaga notatka_dla wiadomość_do wiadomość_dla do_wszystkich do_każd* drogi droga witaj \
            cześć instrukcja_dla instrukcje_dla ważne informacja_dla dla_modelu polecenie_dla \
            szanown* uprzejmie do_ai do_asystenta",
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
        (
            Answer,
            "odpowiedz* odpowiedź odpowiadaj* odpisz powiedz podsumowani* napisz* odpowiadasz \
            odpowiesz",
        ),
        (Only, "nic_więcej"),
        (
            Tell,
            "mów informuj* wspominaj* ostrzegaj* powiadamiaj* ujawniaj* zgłaszaj* alarmuj* \
            wspominać informować ostrzegać powiedz* zapewnij*",
        ),
        (User, "użytkownik* analityk*"),
        (
            Stop,
            "przerwij* zatrzymaj* zakończ* pomiń* wstrzymaj* zaprzestań usuń*",
        ),
        (Analysis, "analiz* badani* sprawdzani* weryfikacj*"),
        (Call, "wywołaj* użyj uruchom"),
        (Tool, "narzędzi* funkcj*"),
        (Finding, "wykryci* ostrzeże* alert* detekcj* antywirus*"),
        (Now, "od_teraz od_tej_pory od_tego_momentu odtąd"),
        (Pretend, "udawaj wyobraź_sobie wciel_się odgrywaj jakby"),
        (Score, "ocen* poziom_ryzyka wynik zagrożenie werdykt"),
        (Low, "zero zera niski* na_0"),
        (Link, "adres serwer link"),
        (Human, "użytkowniczka:"),
        (Just, "tylko wyłącznie jedynie"),
        (Persona, "analityk* ekspert* antywirus* skaner* producent*"),
    ],
};

/// Czech and Slovak, which share many words.
pub(super) const CZECH: Language = Language {
    senses: &[
        (
            Ignore,
            "ignoruj* zapomeň* zapomen* zabudn* nedbej* pomiň* neřiď_se zruš*",
        ),
        (
            Prior,
            "předchozí* předešl* predchádzajúc* dřívější* všechn* všetk* své svoje tvoje výše \
            uvedené",
        ),
        (
            Law,
            "pokyn* instrukc* inštrukc* pravidl* příkaz* príkaz* směrnic* prompt*",
        ),
        (
            Report,
            "označ* nahlas* ohlas* klasifikuj* považuj* vyhodnoť* odpověz* odpovedz* řekni \
            uveď* uveďte",
        ),
        (
            Thing,
            "soubor tento_soubor súbor tento_súbor tuto_doménu doménu tuto_stránku vzorek",
        ),
        (As, "jako ako je za"),
        (
            Benign,
            "neškodn* čist* falešně_pozitivní falešný_poplach legitimní*",
        ),
        (Safe, "bezpečn* důvěryhodn* dôveryhodn*"),
        (Not, "ne nikdy neoznačuj*"),
        (Bad, "škodliv* nebezpečn* podezřel* vir malware"),
        (YouAre, "jsi jste předstírej chovej_se"),
        (Must, "musíš musíte vždy prosím"),
        (Now, "od_teď od_nynějška nyní_jsi"),
        (
            Model,
            "ai umělá_inteligence umělé_inteligence jazykový_model jazykovém_modelu",
        ),
        (Answer, "odpověz* odpověď odpovídej*"),
        (Just, "pouze jen jenom"),
    ],
};
