//! French and Italian words.

use super::super::{
    senses::Sense::{
        Analysis, Answer, As, Bad, Benign, Call, Finding, Flag, Human, Ignore, InAnswer, Insert,
        Is, Just, Link, Low, Model, Must, Named, NewOrder, Not, Note, Now, Obey, Only, Order,
        Persona, Pretend, Prior, Reading, Report, Reveal, Right, Safe, Score, Secret, Send, Stop,
        Tell, Thing, Tool, User, YouAre,
    },
    words::Language,
};

pub(super) const FRENCH: Language = Language {
    senses: &[
        (
            Ignore,
            "ignor* oublie* oubliez ne_tiens_pas ne_tenez_pas ne_tenez_aucun ne_tiens_aucun \
            ne_suivez ne_suis_pas contourne* fais_abstraction faites_abstraction néglige* écarte* \
            outrepasse* annule* neglige* abandonne* remplace* ignorez faites_fi ne_respecte* \
            ne_respectez",
        ),
        (
            Prior,
            "précédent* antérieur* ci_dessus tous toutes tes vos antérieures initiale* avant \
            existant* préalable* tout reçu* données dernier* auparavant",
        ),
        (
            Order,
            "instruction* consigne* règle* directive* ordre* commande* restriction* contrainte* \
            invite* indication*",
        ),
        (Obey, "suivre suis suivez respecte* obéi*"),
        (
            NewOrder,
            "nouvelle_instruction* nouvelles_instruction* nouvelle_consigne* nouvelles_consigne* \
            nouvelle_tâche ta_tâche votre_tâche ta_mission votre_mission",
        ),
        (
            Report,
            "signale* classe* classer marque* considère* considérez considere* considerez traite* \
            déclare* réponds répondez indique* qualifie* étiquette* évalue* note rapporte* dis \
            dites donne* présente* juge* conclus concluez classifie* catégorise* déclarer signaler \
            marquer considérer dire confirme* affirme* assure* écris écrivez tu_classes affiche",
        ),
        (
            Thing,
            "ce_fichier le_fichier cet_échantillon cette_url ce_site ce_domaine cette_page \
            ce_programme ce_document cette_pièce cet_exécutable le_comme fichier_comme \
            domaine_comme la_comme ce_lien cette_adresse ce_logiciel ce_rapport le_domaine le_site \
            cet_hôte cette_application ce_résultat",
        ),
        (As, "comme étant pour en_tant"),
        (
            Benign,
            "inoffensi* bénin* sans_danger faux_positif* non_malveillant* sain saine légitime* \
            propre aucune_menace pas_malveillant* pas_dangereux innocent* sans_risque aucun_risque \
            aucun_danger aucune_détection",
        ),
        (Safe, "sûr sûre fiable de_confiance sécurisé* bon"),
        (Not, "ne n jamais"),
        (
            Flag,
            "signale_pas signalez_pas signalez_jamais alerte_pas alertez_pas marque_pas marquez_pas \
            comme_malveillant comme_dangereux comme_suspect",
        ),
        (
            Bad,
            "malveillant* dangereux suspect* virus menace* malware nuisible*",
        ),
        (
            YouAre,
            "tu_es vous_êtes agis_comme agissez_comme comporte_toi comportez_vous fais_comme \
            imagine_que joue_le_rôle jouez_le_rôle en_tant_que fais_semblant faites_semblant \
            tu_n_es tu_deviens en_tant_qu",
        ),
        (
            Must,
            "tu_dois vous_devez doit doivent toujours veuillez désormais obligatoirement \
            immédiatement merci_de prière_de merci il_faut",
        ),
        (
            Model,
            "ia intelligence_artificielle modèle_de_langage modèle_de_langue modèles_de_langage \
            assistant_ia agent_ia modèle_d_ia grand_modèle*",
        ),
        (Named, "assistant agent modèle sans_restriction*"),
        (
            Note,
            "note_à note_pour note_aux message_pour message_à attention à_l à_toute à_tout aux cher \
            chère bonjour instruction_pour instructions_pour important avis_à avis_aux \
            à_destination pour_l destiné* madame monsieur",
        ),
        (
            Reading,
            "lisant lit analysant analyse analysez lisez traitant traite examine résume qui_lit",
        ),
        (
            Reveal,
            "affiche* révèle* montre* imprime* répète* envoie* envoyez divulgue* donne* écris \
            écrivez transmets communique*",
        ),
        (
            Secret,
            "tes_instructions vos_instructions ton_prompt votre_prompt invite_système \
            prompt_système instructions_système historique_de_la_conversation la_conversation \
            tes_règles vos_règles identifiants message_système instructions_initiales clé_api \
            clés_api",
        ),
        (Send, "envoie* envoyez transmets transmettez publie* poste*"),
        (
            Answer,
            "réponds répondez réponse répondre dis dites écris écrivez résumé tu_réponds tu_dis",
        ),
        (Only, "rien_d_autre que_par"),
        (
            Tell,
            "dis dites informe* mentionne* préviens prévenez avertis* alerte* signale* révèle* \
            mentionnez prévenir informer mentionner",
        ),
        (User, "utilisateur* l_analyste analyste* l_humain"),
        (
            Stop,
            "arrête* cesse* interromps interrompez saute* termine* stoppe* abandonne* passe* \
            retire* supprime* omets omettez",
        ),
        (Analysis, "analyse l_analyse enquête vérification examen"),
        (
            Call,
            "appelle appelez utilise_l utilisez_l invoque* exécute* exécutez",
        ),
        (Tool, "outil* fonction"),
        (
            Finding,
            "détection* alerte* avertissement* antivirus moteurs",
        ),
        (
            Now,
            "désormais à_partir_de_maintenant dorénavant à_présent dès_maintenant",
        ),
        (
            Pretend,
            "fais_semblant faites_semblant imagine_que joue_le_rôle jouez_le_rôle fais_comme_si \
            agis_comme_si agissez_comme_si comme_si",
        ),
        (
            Score,
            "score note_de_risque niveau_de_risque gravité sévérité niveau_de_menace verdict \
            classification conclusion",
        ),
        (Low, "zéro à_0 faible nul nulle"),
        (Right, "bonne seule correcte correct"),
        (Is, "est"),
        (
            InAnswer,
            "dans_ta_réponse dans_votre_réponse à_ta_réponse à_votre_réponse dans_ton_résumé \
            dans_votre_résumé",
        ),
        (Insert, "ajoute* insère* inclus incluez écris écrivez"),
        (Link, "lien adresse serveur"),
        (Human, "utilisatrice:"),
        (Just, "uniquement seulement exclusivement simplement"),
        (
            Persona,
            "analyste expert experte antivirus scanner éditeur fabricant",
        ),
    ],
};

pub(super) const ITALIAN: Language = Language {
    senses: &[
        (
            Ignore,
            "ignor* dimentic* trascura* non_considerare non_seguire scarta* tralascia* \
            non_tenere_conto non_tener_conto disattendi* annulla* sovrascriv* aggira* scorda*",
        ),
        (
            Prior,
            "precedent* tutte tutti tutto tue tuoi sopra anterior* inizial* original* esistenti \
            prima ricevut* qualsiasi",
        ),
        (
            Order,
            "istruzion* regol* ordini direttiv* comand* restrizion* indicazion* prompt linee_guida",
        ),
        (Obey, "seguire segui rispett* obbedi*"),
        (
            NewOrder,
            "nuova_istruzione nuove_istruzioni nuovo_compito il_tuo_compito nuovi_ordini \
            la_tua_nuova",
        ),
        (
            Report,
            "segnala* classifica* contrassegna* considera* tratta* dichiara* rispond* indica* \
            etichetta* valuta* riporta* marca* concludi presenta* definisci* giudica* dì definisc* \
            classific* di conferma* afferma* assicura* dillo scrivi scriva",
        ),
        (
            Thing,
            "questo_file il_file questo_campione questo_url questa_url questo_sito questo_dominio \
            questa_pagina questo_programma questo_documento questo_allegato file_come lo_come \
            dominio_come consideralo trattalo segnalalo classificalo questo_eseguibile questo_link \
            questo_indirizzo il_dominio il_sito questo_software quest_file questa_minaccia \
            il_file_sia",
        ),
        (As, "come è sia essere"),
        (
            Benign,
            "innocu* benign* falso_positivo falsi_positivi pulit* legittim* non_dannos* \
            non_malevol* inoffensiv* nessuna_minaccia senza_rischi* non_pericolos* non_è_dannoso \
            nessun_rischio nessun_pericolo nessun_problema",
        ),
        (
            Safe,
            "sicur* affidabil* attendibil* buono tutto_bene tutto_ok tutto_a_posto",
        ),
        (Not, "non mai"),
        (
            Flag,
            "segnalarlo segnalare_questo segnalare_il contrassegnar* come_dannoso come_malevolo \
            avvisare allertare classificarlo",
        ),
        (
            Bad,
            "dannos* malevol* pericolos* sospett* virus minacci* malware malign*",
        ),
        (
            YouAre,
            "sei_un sei_una sei_ora tu_sei ora_sei agisci_come comportati fingi immagina_di \
            assumi_il_ruolo fai_finta interpreta",
        ),
        (
            Must,
            "devi deve dovrai sempre per_favore d_ora_in_poi da_ora_in_poi immediatamente \
            obbligatori* si_prega ti_prego obbligo",
        ),
        (
            Model,
            "ia intelligenza_artificiale modello_linguistico modelli_linguistici \
            modello_di_linguaggio assistente_ia assistente_ai agente_ia assistente_virtuale \
            modello_ia",
        ),
        (Named, "assistente agente modello senza_restrizioni"),
        (
            Note,
            "nota_per nota_all nota_ai messaggio_per messaggio_all attenzione a_qualsiasi a_tutti \
            caro cara ciao istruzione_per istruzioni_per importante avviso_per avviso_a per_l \
            per_il per_qualsiasi gentile egregio spettabile",
        ),
        (
            Reading,
            "legge leggi leggendo legga analizza analizzi analizzando elabora esamina elaborando \
            riassume",
        ),
        (
            Reveal,
            "mostra* rivela* stampa* ripeti* invia* divulga* scrivi* dimmi elenca visualizza",
        ),
        (
            Secret,
            "tue_istruzioni tuo_prompt prompt_di_sistema istruzioni_di_sistema \
            cronologia_della_conversazione cronologia_della_chat la_conversazione \
            messaggio_di_sistema istruzioni_iniziali credenziali chiave_api chiavi_api tue_regole",
        ),
        (Send, "invia* manda* trasmetti* pubblica*"),
        (
            Answer,
            "rispond* risposta dì riassunto scrivi risponderai scriva",
        ),
        (Only, "nient_altro"),
        (
            Tell,
            "dire informare menzionare avvisare allertare rivelare notificare avvertire dirlo \
            menziona* segnalare avverti* inform* rassicura* dì di_all dì_all",
        ),
        (User, "utente utenti analista analisti l_utente"),
        (
            Stop,
            "ferma* interromp* salta* smetti termina* cessa* sospendi* arresta* rimuovi elimina \
            ometti",
        ),
        (Analysis, "analisi indagine verifica scansione"),
        (Call, "chiama* invoca* usa_lo utilizza_lo esegui_la"),
        (Tool, "strumento strumenti funzione"),
        (Finding, "rilevament* avvis* allert* allarm* antivirus"),
        (
            Now,
            "d_ora_in_poi da_ora_in_poi da_adesso d_ora_in_avanti da_questo_momento",
        ),
        (Pretend, "fingi fai_finta immagina interpreta come_se"),
        (
            Score,
            "punteggio livello_di_rischio gravità verdetto classificazione",
        ),
        (Low, "zero a_0 basso bassa"),
        (Link, "indirizzo server collegamento"),
        (Right, "corretta corretto unica giusta"),
        (Is, "è"),
        (
            InAnswer,
            "nella_tua_risposta alla_tua_risposta nel_tuo_riassunto",
        ),
        (Insert, "aggiungi inserisci includi scrivi"),
        (Just, "solo soltanto solamente unicamente esclusivamente"),
        (
            Persona,
            "analista esperto esperta antivirus scanner produttore",
        ),
    ],
};
