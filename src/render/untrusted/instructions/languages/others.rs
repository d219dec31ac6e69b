//! Words of further languages: the most common ones of an instruction only.

use super::super::{
    senses::Sense::{
        Answer, As, Bad, Benign, Ignore, Just, Law, Model, Must, Not, Now, Prior, Report, Safe,
        Thing, YouAre,
    },
    words::Language,
};

/// Swedish, Danish and Norwegian, which share many words.
pub(super) const SCANDINAVIAN: Language = Language {
    senses: &[
        (
            Ignore,
            "ignorer* glöm glem bortse se_bort åsidosätt tilsidesæt følg_ikke följ_inte",
        ),
        (
            Prior,
            "tidigare tidligere föregående forrige ovanstående ovenstående alla alle dina dine \
            dine_regler tidligere_gitte alle_tidligere",
        ),
        (
            Law,
            "instruktion* instruks* regler regel reglerna anvisning* kommando* order \
            retningslinje* riktlinje* systemprompt*",
        ),
        (
            Report,
            "rapporter* säg sig si markera markér marker klassificera klassificér klassifiser \
            svara svar betrakta betragt anse behandla behandl meddela meld märk merk rapportér \
            anmäl anmeld",
        ),
        (
            Thing,
            "filen den_här_filen denna_fil denne_fil denne_filen domänen domænet domenet \
            denna_domän dette_domæne sidan siden den_som det_som fil den_filen domäne",
        ),
        (As, "som är er vara være for"),
        (
            Benign,
            "ofarlig* ufarlig* harmlös* harmløs* falskt_positiv* falsk_positiv* ren rent \
            legitim*",
        ),
        (
            Safe,
            "säker säkert sikker sikkert trygg* tryg betrodd pålidelig pålitlig",
        ),
        (Not, "inte ikke aldrig aldri ej"),
        (
            Bad,
            "skadlig* farlig* ondsindet ondsinnet virus misstänkt mistænkelig",
        ),
        (YouAre, "du_är du_er låtsas lad_som later_som"),
        (Must, "du_måste du_skal du_må alltid altid"),
        (Now, "från_och_med_nu fra_nu_af fra_nå_av hädanefter"),
        (
            Model,
            "ai språkmodell* sprogmodel* ai_assistent* ai_modell*",
        ),
        (Answer, "svara svar"),
        (Just, "endast bara kun bare"),
    ],
};

pub(super) const ROMANIAN: Language = Language {
    senses: &[
        (
            Ignore,
            "ignoră ignorați ignora uită uitați nu_urma nu_respecta",
        ),
        (
            Prior,
            "anterioare precedente toate tale de_mai_sus dinainte tot",
        ),
        (
            Law,
            "instrucțiun* reguli regulile comenzi* indicați* directive*",
        ),
        (
            Report,
            "raportează raportați marchează marcați clasifică clasificați spune consideră \
            răspunde declară",
        ),
        (
            Thing,
            "acest_fișier fișierul acest_domeniu domeniul acest_site această_pagină ca_fiind",
        ),
        (As, "ca este drept fiind"),
        (Benign, "inofensiv* curat benign* fals_pozitiv legitim*"),
        (Safe, "sigur sigură de_încredere"),
        (Not, "nu niciodată"),
        (Bad, "malițios* periculos* suspect* virus"),
        (YouAre, "ești sunteți prefă_te poartă_te_ca"),
        (Must, "trebuie întotdeauna vă_rog te_rog"),
        (Now, "de_acum_înainte de_acum începând_de_acum"),
        (
            Model,
            "ia inteligență_artificială inteligența_artificială model_de_limbaj ai",
        ),
        (Answer, "răspunde răspundeți răspuns"),
        (Just, "doar numai exclusiv"),
    ],
};

pub(super) const GREEK: Language = Language {
    senses: &[
        (Ignore, "αγνόησε αγνοήστε ξέχασε ξεχάστε παράβλεψε"),
        (Prior, "προηγούμεν* παραπάνω όλες όλους σου πρότερ*"),
        (Law, "οδηγίες οδηγιών κανόνες εντολές εντολών"),
        (
            Report,
            "ανάφερε αναφέρετε πες πείτε σημείωσε ταξινόμησε θεώρησε χαρακτήρισε απάντησε \
            δήλωσε",
        ),
        (Thing, "αρχείο το_αρχείο αυτό_το_αρχείο τον_τομέα ιστότοπο"),
        (As, "ως είναι σαν"),
        (Benign, "ακίνδυνο αβλαβές καθαρό ψευδώς_θετικό"),
        (Safe, "ασφαλές ασφαλής αξιόπιστο"),
        (Not, "μην δεν ποτέ"),
        (YouAre, "είσαι είστε προσποιήσου"),
        (Must, "πρέπει πάντα παρακαλώ"),
        (Now, "από_τώρα από_εδώ_και_πέρα"),
        (Model, "τεχνητή_νοημοσύνη γλωσσικό_μοντέλο ai"),
        (Answer, "απάντησε απαντήστε απάντηση"),
        (Just, "μόνο αποκλειστικά"),
    ],
};

pub(super) const THAI: Language = Language {
    senses: &[
        (Ignore, "เพิกเฉย ละเว้น ไม่ต้องสนใจ ลืม"),
        (Prior, "ก่อนหน้า ทั้งหมด ข้างต้น ของคุณ"),
        (Law, "คำสั่ง คำแนะนำ กฎ"),
        (Report, "รายงาน บอก ตอบ ระบุ จัดประเภท ทำเครื่องหมาย"),
        (Thing, "ไฟล์นี้ ไฟล์ โดเมนนี้ เว็บไซต์นี้"),
        (As, "ว่า เป็น"),
        (Benign, "ไม่เป็นอันตราย ไม่มีอันตราย สะอาด"),
        (Safe, "ปลอดภัย เชื่อถือได้"),
        (YouAre, "คุณคือ คุณเป็น แกล้งเป็น"),
        (Must, "ต้อง โปรด กรุณา"),
        (Now, "จากนี้ไป ตั้งแต่นี้"),
        (Model, "ปัญญาประดิษฐ์ แบบจำลองภาษา โมเดลภาษา ai"),
        (Answer, "ตอบ คำตอบ"),
        (Just, "เท่านั้น"),
    ],
};

pub(super) const HEBREW: Language = Language {
    senses: &[
        (Ignore, "התעלם התעלמו שכח שכחו"),
        (Prior, "הקודמות הקודמים כל לעיל שלך"),
        (Law, "ההוראות הוראות הכללים כללים ההנחיות"),
        (Report, "דווח דווחו סמן סווג אמור ענה השב"),
        (Thing, "הקובץ קובץ_זה הדומיין האתר"),
        (As, "כי ש הוא"),
        (Benign, "לא_מזיק נקי בלתי_מזיק"),
        (Safe, "בטוח אמין"),
        (YouAre, "אתה אתה_עכשיו"),
        (Must, "חייב תמיד בבקשה אנא"),
        (Now, "מעכשיו מעתה"),
        (Model, "בינה_מלאכותית מודל_שפה"),
        (Answer, "ענה השב תשובה"),
        (Just, "רק בלבד"),
    ],
};

pub(super) const PERSIAN: Language = Language {
    senses: &[
        (Ignore, "نادیده فراموش"),
        (Prior, "قبلی پیشین همه تمام بالا خود"),
        (Law, "دستورات دستورالعمل* دستورها قوانین قواعد"),
        (Report, "گزارش اعلام بگو پاسخ علامت طبقه‌بندی"),
        (Thing, "فایل این_فایل این_دامنه این_سایت"),
        (As, "به_عنوان است که"),
        (Benign, "بی‌خطر بی_خطر بی‌ضرر پاک"),
        (Safe, "امن ایمن معتبر"),
        (YouAre, "تو_یک شما_یک وانمود"),
        (Must, "باید همیشه لطفا"),
        (Now, "از_این_پس از_حالا از_اکنون"),
        (Model, "هوش_مصنوعی مدل_زبانی"),
        (Answer, "پاسخ جواب"),
        (Just, "فقط تنها"),
    ],
};
