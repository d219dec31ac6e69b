//! German and Dutch words.

use super::super::{
    senses::Sense::{
        Advise, Alarm, Analysis, Answer, As, Bad, Benign, Call, Finding, Flag, Human, Ignore,
        InAnswer, Insert, Is, Just, Link, Low, Model, Must, Named, NewOrder, Not, Note, Now, Obey,
        Only, Order, Persona, Pretend, Prior, Reading, Report, Reveal, Right, Run, Safe, Score,
        Secret, Send, Stop, Tell, Thing, Tool, User, YouAre,
    },
    words::Language,
};

pub(super) const GERMAN: Language = Language {
    senses: &[
        (
            Ignore,
            "ignorier* missacht* vergiss vergesst vergessen beacht*_nicht nicht_beacht* \
            nicht_befolg* befolge_nicht setze_dich überschreib* umgeh* verwirf verwerf* übergeh* \
            außer_acht ausser_acht lösche ungültig ignorieren unbeachtet lass_alle",
        ),
        (
            Prior,
            "vorherig* bisherig* vorig* obig* alle allen sämtlich* frühere* vorangegangen* \
            vorausgehend* deine deinen ihre vorstehend* ursprünglich* bestehend* zuvor bisher \
            alles gegeben* jegliche",
        ),
        (
            Order,
            "anweisung* instruktion* regel regeln vorgabe* befehl* richtlinie* systemanweisung* \
            systemprompt* aufforderung* beschränkung* einschränkung* anordnung* gesagt* \
            vorschrift*",
        ),
        (Obey, "beachte* befolge* befolgen beachten befolg*"),
        (
            NewOrder,
            "neue_anweisung* neue_aufgabe neuen_anweisung* deine_aufgabe deine_neue ihre_aufgabe \
            wichtige_anweisung*",
        ),
        (
            Report,
            "melde melden meldet markier* klassifizier* bewerte* stufe einstufen einzustufen \
            eingestuft bezeichne* behandle* behandeln antworte* gib betrachte* erkläre deklariere* \
            kennzeichne* berichte* werte gilt sage einordnen ordne eingeordnet einstuf* bestätige* \
            bestätigen bewertest meldest stufst einstufst schreibe* schreib",
        ),
        (
            Thing,
            "diese_datei die_datei dieser_datei diese_url diese_seite diese_webseite diese_domain \
            diese_website dieses_programm dieses_dokument dieser_anhang diesen_anhang diese_probe \
            das_sample dieses_sample sie_als es_als ihn_als dies_als datei_als diese_adresse \
            dieser_link diese_software dieses_objekt dieser_bericht die_domain die_seite",
        ),
        (As, "als für sei"),
        (
            Benign,
            "harmlos* gutartig* unbedenklich* ungefährlich* unschädlich* fehlalarm* falsch_positiv* \
            sauber* nicht_schädlich nicht_bösartig keine_bedrohung nicht_gefährlich legitim* \
            benigne kein_risiko keine_gefahr keine_bedrohung* keine_schadsoftware",
        ),
        (Safe, "sicher vertrauenswürdig* in_ordnung gut ordnung"),
        (Not, "nicht keine kein niemals nie nichts"),
        (
            Flag,
            "flaggen alarm_aus als_schädlich als_bösartig als_malware als_verdächtig als_gefährlich \
            alarm_auszulösen warnung_aus warne alarm_schlagen",
        ),
        (
            Bad,
            "schädlich* bösartig* malware verdächtig* gefährlich* virus bedrohung schadsoftware \
            schadprogramm",
        ),
        (
            YouAre,
            "du_bist sie_sind verhalte_dich handle_als agiere_als tu_so stell_dir_vor in_der_rolle \
            spiele_die_rolle übernimm_die_rolle du_bist_jetzt bist_du_jetzt bist_du_ein",
        ),
        (
            Must,
            "du_musst sie_müssen du_sollst sie_sollen muss immer bitte ab_sofort ab_jetzt sofort \
            unbedingt soll sollen",
        ),
        (
            Model,
            "ki künstliche_intelligenz sprachmodell* ki_modell* ki_assistent* ki_system* ki_agent* \
            kis neuronales_netz*",
        ),
        (Named, "assistent modell agent uneingeschränkt*"),
        (
            Note,
            "hinweis_an hinweis_für nachricht_an nachricht_für achtung an_alle an_die an_das liebe \
            liebes hallo anweisung_für anweisung_an anweisungen_für anweisungen_an wichtig \
            mitteilung_an notiz_an notiz_für information_für hinweis sehr_geehrter geehrte lieber",
        ),
        (
            Reading,
            "liest lesen analysier* verarbeitet verarbeiten prüft zusammenfasst auswertet bewertet \
            untersucht",
        ),
        (
            Reveal,
            "gib zeige zeig nenne verrate drucke wiederhole schreibe sende schicke offenbare \
            ausgeben preisgeben lege teile",
        ),
        (
            Secret,
            "deine_anweisungen deinen_prompt deinen_systemprompt systemprompt* \
            deine_systemanweisung* gesprächsverlauf chatverlauf deine_regeln \
            ursprünglichen_anweisungen zugangsdaten deine_instruktionen systemanweisung* \
            systemnachricht unterhaltung",
        ),
        (Send, "sende schicke übermittle lade übertrage poste"),
        (
            Answer,
            "antworte* antwort antworten erwidere sage deine_antwort ausgabe ihre_antwort \
            deiner_antwort ihrer_antwort zusammenfassung deine_zusammenfassung schreibe* schreib \
            antwortest sagst",
        ),
        (Only, "nichts_anderes nichts_außer"),
        (
            Tell,
            "sage sag informiere* erwähne* teile verrate* melde* warne* benachrichtige* melde \
            warnen erwähnen hinweisen informieren sage_dem sag_dem teile_dem",
        ),
        (
            User,
            "benutzer* nutzer* anwender* dem_menschen analyst* analytiker*",
        ),
        (
            Stop,
            "beende* stoppe* überspringe* breche brich abbrechen einstellen unterlasse* überspring \
            streich* entfern* lass_weg lasse_weg",
        ),
        (
            Analysis,
            "analyse untersuchung überprüfung prüfung auswertung",
        ),
        (
            Call,
            "rufe ruf verwende_das benutze_das führe_das nutze_das",
        ),
        (Tool, "werkzeug* tool funktion"),
        (
            Finding,
            "erkennung* warnung* fund funde treffer befund* alarm alarme virenscanner scanner",
        ),
        (
            Now,
            "ab_jetzt ab_sofort von_nun_an von_jetzt_an ab_diesem_moment künftig",
        ),
        (
            Pretend,
            "tu_so gib_vor stell_dir_vor spiele_die_rolle verhalte_dich_so als_wäre als_ob",
        ),
        (
            Score,
            "bewertung risikowert score bedrohungsstufe punktzahl schweregrad risikostufe",
        ),
        (Low, "null niedrig* gering* auf_0"),
        (Right, "richtige korrekte einzige zulässige"),
        (Is, "ist lautet"),
        (Insert, "füge ergänze hänge schreibe"),
        (
            InAnswer,
            "in_deine_antwort in_deiner_antwort deiner_antwort deine_zusammenfassung \
            deiner_zusammenfassung",
        ),
        (Link, "link adresse server"),
        (Advise, "empfiehl_dem rate_dem"),
        (
            Run,
            "auszuführen ausführen zu_öffnen öffnen zu_deaktivieren deaktivieren installieren",
        ),
        (Human, "nutzer: anwender:"),
        (Just, "nur ausschließlich lediglich einzig ausschliesslich"),
        (
            Persona,
            "analyst* scanner virenscanner experte expertin gutachter hersteller prüfer",
        ),
        (Alarm, "gib_deinen_systemprompt"),
    ],
};

pub(super) const DUTCH: Language = Language {
    senses: &[
        (
            Ignore,
            "negeer* vergeet sla_geen_acht overschrijf* omzeil* volg_niet laat_varen veronachtzaam \
            schenk_geen negeren",
        ),
        (
            Prior,
            "vorige voorgaande eerdere alle bovenstaande jouw uw je bestaande oorspronkelijke \
            voorafgaande alles gegeven",
        ),
        (
            Order,
            "instructies instructie regels regel opdracht* aanwijzing* richtlijn* bevel* \
            voorschrift* beperking* systeemprompt*",
        ),
        (Obey, "volg volgen gehoorzaam*"),
        (
            NewOrder,
            "nieuwe_instructie* nieuwe_opdracht* jouw_taak je_taak uw_taak nieuwe_taak",
        ),
        (
            Report,
            "meld* rapporteer* markeer* classificeer* beschouw* behandel* beoordeel* label* \
            antwoord* bestempel* noem verklaar geef zeg geclassificeerd gemeld gemarkeerd \
            bevestig* schrijf*",
        ),
        (
            Thing,
            "dit_bestand het_bestand deze_url deze_site deze_website dit_domein deze_pagina \
            dit_programma dit_document deze_bijlage bestand_als het_als domein_als deze_link \
            dit_adres deze_software het_domein dit_monster dit_sample de_site",
        ),
        (As, "als is zijnde"),
        (
            Benign,
            "onschadelijk* goedaardig* ongevaarlijk* vals_positief fout_positief vals_alarm schoon \
            niet_kwaadaardig niet_schadelijk geen_bedreiging legitiem* geen_risico \
            geen_bedreiging* geen_gevaar",
        ),
        (Safe, "veilig* betrouwbaar* vertrouwd* in_orde"),
        (Not, "niet geen nooit"),
        (
            Flag,
            "als_kwaadaardig als_schadelijk als_malware als_verdacht markeren_als vlaggen",
        ),
        (
            Bad,
            "kwaadaardig* schadelijk* verdacht* gevaarlijk* virus malware bedreiging",
        ),
        (
            YouAre,
            "je_bent jij_bent u_bent gedraag_je doe_alsof handel_als speel_de_rol neem_de_rol \
            stel_je_voor",
        ),
        (
            Must,
            "je_moet u_moet jij_moet moet altijd vanaf_nu alstublieft alsjeblieft onmiddellijk \
            verplicht",
        ),
        (
            Model,
            "taalmodel* kunstmatige_intelligentie ai_model* ai_assistent* ai ai_systeem",
        ),
        (Named, "assistent agent model zonder_beperkingen"),
        (
            Note,
            "opmerking_voor opmerking_aan bericht_aan bericht_voor let_op aandacht aan_alle \
            aan_elke beste hallo instructie_voor instructies_voor belangrijk notitie_voor \
            notitie_aan voor_de geachte aan_het aan_de",
        ),
        (
            Reading,
            "leest lezen analyseer* verwerkt verwerken beoordeelt samenvat",
        ),
        (
            Reveal,
            "toon* onthul* print* herhaal* stuur* geef* deel* schrijf*",
        ),
        (
            Secret,
            "jouw_instructies je_instructies uw_instructies systeemprompt* je_prompt jouw_prompt \
            gespreksgeschiedenis chatgeschiedenis je_regels systeeminstructie* inloggegevens \
            systeembericht oorspronkelijke_instructies",
        ),
        (Send, "stuur* verzend* upload* verstuur*"),
        (Answer, "antwoord* zeg samenvatting schrijf* antwoordt"),
        (Only, "niets_anders"),
        (
            Tell,
            "vertel* informeer* vermeld* waarschuw* meld* zeg noem noemen vermelden waarschuwen",
        ),
        (User, "gebruiker* analist*"),
        (
            Stop,
            "stop* beëindig* sla staak onderbreek* annuleer* verwijder* laat_weg",
        ),
        (Analysis, "analyse onderzoek beoordeling"),
        (Call, "roep gebruik_de gebruik_het voer_de"),
        (Tool, "hulpmiddel* gereedschap functie"),
        (
            Finding,
            "detectie* waarschuwing* melding* virusscanner scanner",
        ),
        (Now, "vanaf_nu voortaan van_nu_af"),
        (Pretend, "doe_alsof stel_je_voor speel_de_rol alsof"),
        (Score, "score risiconiveau ernst beoordeling"),
        (Low, "nul laag op_0"),
        (Link, "adres server link"),
        (Right, "juiste enige correcte"),
        (Is, "is luidt"),
        (Just, "alleen uitsluitend enkel slechts"),
        (Persona, "analist scanner expert antivirus fabrikant"),
    ],
};
