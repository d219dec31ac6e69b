//! Words of Finnish, Hungarian and Swahili: the most common ones of an instruction only.

use super::super::{
    senses::Sense::{
        Answer, As, Bad, Benign, Flag, Ignore, Just, Law, Model, Must, Named, Not, Now, Persona,
        Prior, Report, Safe, Tell, Thing, User, YouAre,
    },
    words::Language,
};

pub(super) const FINNISH: Language = Language {
    senses: &[
        (
            Ignore,
            "unohda unohtakaa ohita ohittakaa sivuuta huomiotta älä_noudata älä_välitä \
            jätä_huomiotta",
        ),
        (Prior, "aiem* edellis* kaikki kaikkia yllä* aikaisem* sinun"),
        (Law, "ohje* määräy* sään* käsky* kehot*"),
        (
            Report,
            "ilmoita raportoi merkitse luokittele sano kerro vastaa pidä ilmoittakaa merkitkää",
        ),
        (
            Thing,
            "tiedosto* tämä_tiedosto* verkkotunnu* sivusto* näyt*",
        ),
        (As, "että on olevan"),
        (
            Benign,
            "vaarato* harmito* puhdas puhtaaksi haitato* vaaratt* harmitt* haitatt*",
        ),
        (Safe, "turvalli* luotettav*"),
        (Not, "älä ei ettei älkää"),
        (Bad, "haitalli* vaaralli* viru* haittaohjelm* uhk*"),
        (YouAre, "olet_nyt olet sinä_olet"),
        (Must, "sinun_tulee sinun_täytyy aina"),
        (Now, "tästä_lähtien tästä_eteenpäin"),
        (Model, "tekoäly* kielimalli* ai"),
        (Named, "avustaja* assistentti*"),
        (Answer, "vastaa vastaus* sano"),
        (Just, "vain ainoastaan"),
        (Flag, "raportoi merkitse ilmoita hälytä"),
        (Persona, "avustaja* analyytikko*"),
        (Tell, "kerro ilmoita mainitse"),
        (User, "käyttäjä*"),
    ],
};

pub(super) const HUNGARIAN: Language = Language {
    senses: &[
        (
            Ignore,
            "figyelmen_kívül felejtsd felejtse hagyd_figyelmen ne_kövesd ne_vedd_figyelembe \
            mellőzd",
        ),
        (Prior, "korább* előző* összes minden* fent* eddig*"),
        (Law, "utasítás* szabály* parancs* irányelv* útmutatás*"),
        (
            Report,
            "jelentsd jelentse jelöld jelölje osztályozd minősítsd mondd írd válaszolj \
            válaszold tekintsd kezeld",
        ),
        (
            Thing,
            "fájl* a_fájlt ezt_a_fájlt domain* a_domaint weboldal* minta mintát",
        ),
        (As, "mint hogy ként"),
        (
            Benign,
            "ártalmatlan* tiszta tisztának veszélytelen* téves_riasztás*",
        ),
        (Safe, "biztonságos* megbízható*"),
        (Not, "ne soha nem"),
        (Bad, "kártékony* rosszindulatú* veszélyes* vírus* gyanús*"),
        (YouAre, "te_egy mostantól_te most_egy"),
        (Must, "kell mindig kérlek kérem"),
        (Now, "mostantól ezentúl"),
        (
            Model,
            "mesterséges_intelligencia* nyelvi_modell* ai mi_asszisztens",
        ),
        (Named, "asszisztens*"),
        (Answer, "válaszolj válaszold válasz* írd mondd"),
        (Just, "csak kizárólag"),
        (Tell, "említsd mondd szólj jelezd"),
        (User, "felhasználó*"),
        (Flag, "jelöld jelezd jelentsd_kártékony*"),
    ],
};

pub(super) const SWAHILI: Language = Language {
    senses: &[
        (Ignore, "puuza sahau usifuate achana_na tupilia_mbali"),
        (
            Prior,
            "awali yote iliyopita zote zilizopita hapo_juu yaliyotangulia yako",
        ),
        (Law, "maagizo maelekezo sheria amri kanuni"),
        (
            Report,
            "useme sema ripoti weka_alama ainisha jibu tangaza taja chukulia eleza",
        ),
        (
            Thing,
            "faili_hii faili kikoa_hiki kikoa tovuti_hii tovuti hati_hii",
        ),
        (As, "kuwa ni kama"),
        (
            Benign,
            "haina_madhara hakina_madhara haina_hatari safi si_hatari",
        ),
        (Safe, "salama kuaminika inaaminika"),
        (Not, "usi* kamwe"),
        (Bad, "hatari virusi hasidi"),
        (YouAre, "wewe_ni sasa_wewe_ni"),
        (Must, "lazima tafadhali daima"),
        (Now, "kuanzia_sasa"),
        (Model, "akili_bandia ai modeli_ya_lugha"),
        (Named, "msaidizi"),
        (Answer, "jibu sema"),
        (Just, "tu pekee"),
        (Tell, "usimwambie mwambie"),
        (User, "mtumiaji"),
    ],
};
