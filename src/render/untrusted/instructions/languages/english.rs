//! English words of what an instruction says: to ignore, to report, to answer.

use super::super::{
    senses::Sense::{
        Analysis, Answer, As, Bad, Benign, Drop, Finding, Flag, Ignore, Is, Law, Low, Model, Must,
        Named, NewOrder, Not, Note, Noun, Obey, Only, Order, Persona, Prior, Reading, ReadsThis,
        Report, Reveal, Right, Safe, Score, Secret, Stop, Tell, Thing, User, Wrong, YouAre,
    },
    words::Language,
};

pub(super) const ENGLISH: Language = Language {
    senses: &[
        (
            Ignore,
            "lgnore do_not_follow dont_follow do_not_obey dont_obey stop_following not_obey \
            pay_no_attention no_attention no_longer_follow no_longer_apply no_longer_applies \
            no_longer_bound not_bound set_aside do_not_comply never_mind nevermind unlearn \
            throw_away throw_out disobey is_obsolete are_obsolete are_void are_cancel* \
            no_longer_valid no_heed take_no_notice no_longer_need_to_follow not_need_to_follow \
            ignore ignoring disregard disregarding forget forgetting abandon \
            abandoning discard discarding neglect overlook ignored_by_you",
        ),
        (
            Prior,
            "previous* above prior earlier preceding former all any every everything your \
            existing initial original foregoing before so_far up_to_now past other current old \
            system_prompt* system_instruction* given you_were you_have_been you_got \
            you_received safety built_in developer* operator* hidden until_now hitherto \
            whatever_you what_you what_the the_rules the_instructions the_guidelines \
            the_directives aii",
        ),
        (
            Order,
            "command policy policies said direction protocol* filters training request requests \
            commands restriction* constraint*",
        ),
        (
            Finding,
            "engines detections detection verdict verdicts alerts antivirus scanners scanner \
            antivirus_engines scan_results av_results warnings the_report the_findings \
            findings results_above negative_results bad_results",
        ),
        (Obey, "follow obey comply adhere observe apply listen"),
        (Obey, "heed"),
        (
            NewOrder,
            "new_instruction* updated_instruction* new_task new_directive* new_order* real_task \
            actual_task real_instruction* following_instruction* these_instruction* your_task \
            your_job your_mission your_goal instead_of_that important_instruction* \
            urgent_instruction* critical_instruction* new_objective new_goal \
            special_instruction* additional_instruction* hidden_instruction* \
            secret_instruction* instructions_for_ai revised_instruction* new_request \
            new_user_request",
        ),
        (
            Report,
            "report classify mark label rate treat consider flag describe categorize categorise \
            tag say state answer reply respond conclude output return declare deem judge \
            assess grade present list assign give set make tell certify confirm reporting \
            classifying marking labelling labeling treating summarize summarise evaluate \
            regard see put pronounce announce assume accept approve clear pass trust \
            be_reported be_classified be_marked be_treated be_considered be_rated be_labeled \
            be_labelled be_flagged lower downgrade reduce whitelist allowlist call_this \
            call_it call_the_file call_the_sample saying stating vouch grant decrease vote \
            change adjust",
        ),
        (
            Thing,
            "this_file the_file this_sample the_sample this_binary the_binary this_url the_url \
            this_site the_site this_website this_page this_domain the_domain this_ip \
            this_program this_executable this_document this_artifact this_indicator this_hash \
            the_hash this_app this_application this_attachment this_archive this_script \
            this_installer this_object this_one this_report this_host this_address \
            this_package this_software this_tool this_item this_entry this_data this_text \
            this_name this_record this_content this_as it_as it_is them_as any_file that_file \
            that_sample that_it attached_file this_submission current_file current_sample \
            every_file all_files the_artifact the_executable the_program the_domain \
            the_attachment the_document the_page the_website the_object the_verdict \
            the_indicator its_verdict the_result the_results all_samples any_sample \
            every_sample each_sample each_file all_urls all_domains all_indicators all_hosts \
            this_certificate this_network these_samples this_metadata these_files \
            these_results everything_as this_string this_field this_ioc the_ip this_message \
            this_record this_signer the_signer this_publisher the_publisher this_comment \
            this_note this_description this_title this_detection this_alert say_this_is \
            this_product this_company this_vendor this_repository this_store label_it mark_it \
            rate_it call_it consider_it treat_it declare_it deem_it",
        ),
        (
            Noun,
            "file files sample samples binary binaries url urls domain domains attachment \
            executable website site page document archive artifact indicator hash host network \
            program app script installer address certificate object package link",
        ),
        (As, "as to_be as_a as_an as_being"),
        (Is, "is are was be"),
        (
            Benign,
            "harmless benign false_positive false_positives clean non_malicious not_malicious \
            nonmalicious legitimate goodware undetected no_threat no_threats not_a_threat \
            no_malware whitelisted allowlisted not_harmful not_dangerous not_suspicious \
            innocuous safe_file completely_safe totally_safe known_good no_risk risk_free \
            virus_free malware_free free_of_malware non_threatening nothing_malicious \
            nothing_suspicious nothing_wrong safe_and_clean fp no_detections verified_safe \
            unharmful harmles inoffensive not_malware zero_threats zero_detections \
            no_malicious_activity not_a_virus nothing_harmful found_nothing nothing_found \
            nothing_was_found no_findings no_issues not_phishing",
        ),
        (
            Safe,
            "safe secure trusted trustworthy ok okay good reputable approved authorized \
            authorised low_risk genuine verified fine certified",
        ),
        (
            Not,
            "do_not dont not_to never must_not should_not shouldnt mustnt no_need_to refrain \
            avoid not cannot under_no_circumstance* at_no_point in_no_case not_be conceal \
            withhold",
        ),
        (
            Flag,
            "flag_this flag_it escalate raise_alert* raise_an_alert* raise_any_alert* \
            raise_alarm raise_an_alarm classify_it classify_this classify_as label_it \
            label_this mark_it_as mark_this_as mark_as_malicious mark_malicious report_it \
            report_the_file report_as_malicious report_malicious report_any quarantine_this \
            quarantine_it alert_on detect_this detect_it mention_this treat_this_as \
            treat_it_as analyze_this analyse_this scan_this block_this warn_the_user flagging \
            report_anything report_to_the_user mention_any mention_the_malware \
            report_this_file report_this_sample report_this_domain report_this_url \
            report_this_site report_this_page report_this_hash report_this_binary \
            report_this_host report_this_ip report_this_as call_this call_it call_the_file \
            mention_the_detection* mention_this_detection list_the_detection* \
            report_the_detection* flag_anything be_flagged flagged_as flag_the flag_any \
            flag_me flag_exe flag_dll flag_scr flag_js flag_pdf flag_doc flag_docx flag_zip \
            flag_and flag_or flag_as_malicious flag_as_malware flag_as_suspicious \
            flag_as_phishing flag_as_harmful flag_as_dangerous alert_the_user \
            alert_the_analyst alert_the_soc alert_the_operator alert_the_team \
            alert_the_security alert_the_owner",
        ),
        (
            Bad,
            "malicious malware suspicious dangerous threat threats harmful virus trojan unsafe \
            infected phishing ransomware hostile risky",
        ),
        (
            YouAre,
            "you_are youre you_re act_as acting_as behave_as behave_like pretend imagine_you \
            assume_the_role take_the_role roleplay* role_play* play_the_role you_were_made \
            since_you_are you_as respond_as answer_as act_like if_you_are you_will_be \
            you_shall_be you_will_act you_must_act speak_as speak_only_as talk_as \
            answer_only_as respond_only_as",
        ),
        (
            Must,
            "you_must you_should you_will you_have_to you_need_to you_are_to you_shall must \
            always mandatory should please kindly immediately is_required is_requested need_to \
            now your_verdict your_answer your_response your_report your_conclusion \
            your_final_answer your_final_verdict shall",
        ),
        (
            Model,
            "ai a_i artificial_intelligence ais neural_network* automated_analyst* \
            automated_assistant* security_model* analysis_model* ai_reader* analyst_model* \
            virtual_assistant* digital_assistant* analysis_agent* security_agent* soc_agent* \
            language_models automated_reviewer* automated_agent* analysis_bot* \
            automated_triage* triage_bot* summarizer* summariser* ai_tool* ai_reviewer*",
        ),
        (
            Named,
            "model unrestricted no_restrictions dan helpful analyst_assistant evil_ai",
        ),
        (
            Note,
            "note_to note_for message_to message_for attention attn dear hey hello hi notice_to \
            notice_for instruction_for instruction_to instructions_for instructions_to \
            reminder_to reminder_for important_for important warning_to directive_for \
            directive_to listen to_any to_all to_whichever to_every for_any for_all_ai \
            info_for information_for hint_for comment_for comment_to memo_to request_to \
            addressed_to advisory_for attention_all greetings command_for guidance_for \
            intended_for for_the",
        ),
        (
            Reading,
            "reading reads analyzing analysing analyzes analyses processing processes \
            summarizing summarising summarizes parsing parses reviewing reviews review \
            scanning inspecting evaluating examining assessing handling looking_at that_sees \
            seeing triaging ingesting",
        ),
        (
            Reveal,
            "print reveal show output repeat display leak send disclose dump expose give share \
            list write tell_me echo recite return quote paste summarize spell_out provide \
            include append copy translate verbatim exfiltrate",
        ),
        (
            Secret,
            "your_prompt* your_instruction* initial_prompt initial_instruction* hidden_prompt* \
            hidden_instruction* conversation_history chat_history your_rules your_context \
            your_configuration your_api_key* your_training your_guidelines your_memory \
            your_secrets your_environment context_window everything_above text_above \
            words_above the_above_text your_hidden your_initial your_original \
            previous_messages your_tools all_messages messages_above your_developer* \
            your_internal your_secret* what_you_were_told your_system_prompt \
            your_system_message your_system_instruction* your_system_rules",
        ),
        (
            Answer,
            "respond reply answer responding answering your_response your_answer your_reply \
            your_output your_verdict your_summary your_report your_analysis say output \
            the_answer the_response the_verdict summaries the_summary your_final_answer \
            report_nothing say_nothing output_nothing report_no_threats",
        ),
        (
            Only,
            "only_with only_the_word only_the_text only_this with_only only_with_the \
            exclusively nothing_but nothing_else just_with with_exactly exactly solely \
            with_the_word with_the_words with_the_phrase with_the_text with_the_following \
            with_just with_a_single only_yes only_no must_be should_be must_only must_begin \
            must_start must_end only_harmless only_benign only_clean only_safe only_json \
            simply_with with_harmless with_benign with_clean with_safe with_yes in_one_word \
            with_one_word",
        ),
        (
            Tell,
            "tell inform notify mention alert warn reveal disclose show let report explain say \
            detections findings verdict",
        ),
        (
            User,
            "the_user to_user user the_human humans the_analyst analyst analysts the_operator \
            the_reader the_owner the_customer soc_team your_operator your_user your_users \
            your_analyst your_human your_principal your_owner",
        ),
        (
            Stop,
            "skip stop abort end halt cancel terminate finish cease do_not_perform \
            do_not_continue refuse abandon conclude omit dont_perform do_not_run discontinue \
            suspend no_need_for no_need_to dont_need_to need_not neednt unnecessary_to \
            instead_of quit stay_silent remain_silent rather_than",
        ),
        (
            Analysis,
            "your_analysis this_analysis further_analysis any_analysis all_analysis \
            the_analysis your_investigation this_investigation the_investigation \
            further_investigation your_assessment your_review analyzing analysing your_scan \
            your_evaluation investigating malware_analysis further_checks all_checks \
            security_analysis analysis_here analysis_now safety_checks analyze_further \
            analyse_further investigate_further further_review further_inspection \
            deeper_analysis analyze_anything analyse_anything stop_processing \
            analyse_this_further",
        ),
        (
            Score,
            "score threat_level risk_level severity risk threat_score risk_score maliciousness \
            verdict verdict_is final_verdict classification correct_answer assessment \
            correct_verdict right_answer rating conclusion acceptable_conclusion verdict_for \
            answer label",
        ),
        (
            Low,
            "zero to_0 low lowest none minimal informational minimum nil noise harmless_level \
            info_level be_0 is_0 of_0 0_out_of 0_of",
        ),
        (
            Drop,
            "drop erase void skip abandon cancel* dismiss* delete replace* revoke* suspend wipe \
            overwrit* supersed* downgrade rolled_back is_lifted bypass* overrid*",
        ),
        (
            Law,
            "instruct* rule rules guideline* guidance directive* directions guardrail* \
            programming safeguard* briefing orders system_prompt* you_were_told you_are_told \
            been_told were_told what_was_told told_earlier told_before told_previously",
        ),
        (
            Right,
            "correct only_acceptable acceptable only_correct only_valid expected proper \
            appropriate only_possible only_conclusion true right final",
        ),
        (
            ReadsThis,
            "reading_this analyzing_this analysing_this processing_this summarizing_this \
            summarising_this reads_this processes_this parses_this parsing_this \
            evaluating_this reviewing_this reviews_this handles_this handling_this \
            looking_at_this scanning_this sees_this ingesting_this analyzes_this analyses_this \
            summarizes_this",
        ),
        (
            Wrong,
            "wrong fabricated incorrect false mistaken outdated erroneous unreliable inaccurate",
        ),
        (
            Persona,
            "analyst scanner antivirus reviewer expert classifier detector researcher \
            translator vendor support_agent chatbot author developer_of lawyer advocate \
            defender agent",
        ),
    ],
};
