//! English words, and those of all languages.

use super::super::words::{
    Language,
    Sense::{
        Alarm, Analysis, Answer, As, Bad, Benign, Call, Finding, Flag, Human, Ignore, Is, Link,
        Loot, Low, Model, Must, Named, NewOrder, Not, Note, Noun, Obey, Only, Order, Prior,
        Reading, Report, Reveal, Role, Safe, Score, Secret, Send, Stop, Tell, Thing, Tool, User,
        YouAre,
    },
};

/// Markup and names that mean the same in every language.
pub(super) const ANY: Language = Language {
    senses: &[
        (
            Alarm,
            "<|im_start <|im_end <|im_sep <|system <|assistant <|user <|end <|begin <|start <|eot \
            <|tool <|channel <|message [inst] [/inst] <<sys>> <</sys>> <start_of_turn <end_of_turn \
            <system_prompt <systemprompt <system_message <system_reminder <system_instruction \
            <assistant> </assistant> <instructions> </instructions> <tool_call <toolcall <tool_use \
            <tool_result </tool_ <function_call <functioncall <function= <invoke_name= \
            <function_result <end_of_ </untrusted",
        ),
        (
            Alarm,
            "\"role\":\"system\" \"role\":\"assistant\" \"role\":\"developer\" \"role\":\"tool\" \
            \"role\":\"user\" 'role':'system' 'role':'assistant' 'role':'user' role:system \
            \"tool_calls\": \"tool_call\": \"tool_use\" \"function_call\": {\"tool\": {\"function\": \
            {\"tool_name\": {\"recipient_name\": \"action_input\": [tool_call [tool_use ```tool \
            \"tool\":\" \"function\":{\"name\" action_input: tool_calls: tool_call: function_call: \
            function_call( tool_call(",
        ),
        (
            Alarm,
            "###instruction: ###instructions: ###system: ###human: ###assistant: ###user: \
            ###response: ###prompt: ###new_instruction* [system_prompt [system_message \
            [system_instruction* [system_override [assistant] [/assistant] [system]: [/system] \
            [system_note \"arguments\":{\"",
        ),
        (
            Role,
            "system: assistant: user: developer: ai: llm: <system> [system] ###instruction* \
            ###system system_prompt* system_message* system_note* system_notice* system_override \
            admin_override developer_message assistant_response: bot: gpt: chatgpt: claude: agent: \
            administrator: override: begin_instructions end_of_report end_of_metadata \
            end_of_document end_of_file end_of_input end_of_data end_of_context end_system </system>",
        ),
        (Human, "human: user:"),
        (
            Model,
            "llm llms chatgpt* gpt* openai_* large_language_model* language_model* ai_assistant* \
            ai_agent* ai_model* ai_analyst* ai_system* ai_bot* ai_engine* chatbot* claude_code \
            copilot deepseek qwen llama* mistral anthropic_*",
        ),
        (
            Named,
            "claude* gemini grok bard copilot* assistant bot mythos siri alexa",
        ),
        (Link, "http https url* webhook* ftp endpoint api.* curl"),
        (
            Order,
            "prompt prompts system_prompt systemprompt instructions",
        ),
        (Secret, "system_prompt* systemprompt* system_message*"),
        (Loot, "api_key* apikey*"),
    ],
};

pub(super) const ENGLISH: Language = Language {
    senses: &[
        (
            Alarm,
            "as_an_ai_language_model as_an_ai_model as_an_ai_assistant as_a_large_language_model \
            as_a_language_model do_anything_now dan_mode you_are_now_dan jailbroken_mode \
            your_new_instructions your_new_instruction_is your_new_task your_new_role \
            your_new_goal your_new_objective your_new_directive your_real_task your_actual_task \
            your_true_task your_only_task your_real_instructions your_actual_instructions \
            your_updated_instructions ignore_the_above ignore_everything_above \
            ignore_all_of_the_above disregard_the_above disregard_everything_above \
            forget_everything_above forget_the_above forget_all_of_the_above \
            forget_everything_you forget_all_you forget_what_you_were ignore_what_you_were \
            ignore_everything_you ignore_everything_before disregard_everything \
            ignore_your_instructions ignore_your_training from_now_on_you_are from_now_on_you_will \
            from_now_on_you_must from_now_on_respond from_now_on_answer from_now_on_act \
            you_have_been_reprogrammed your_programming your_safety_guidelines your_guardrails \
            your_content_policy your_ethical_guidelines without_informing_the_user \
            without_telling_the_user without_asking_the_user without_user_confirmation \
            whitelist_this allowlist_this end_your_analysis stop_your_analysis \
            no_further_analysis_is no_further_analysis_needed no_further_analysis_required \
            no_further_investigation_is no_further_investigation_needed skip_the_analysis \
            answer_in_the_affirmative override_your override_previous reset_your_context \
            clear_your_context new_system_prompt updated_system_prompt system_prompt_override \
            prompt_injection_payload if_you_are_an_ai if_youre_an_ai if_you_are_a_language_model \
            if_you_are_an_llm use_the_shell_tool use_the_browser_tool use_the_email_tool \
            use_the_file_tool use_the_search_tool use_the_terminal_tool use_the_bash_tool \
            use_the_http_tool use_the_web_tool your_instructions_have instructions_have_changed \
            your_rules_have your_prompt_has \
            only_respond only_answer_with only_reply_with",
        ),
        (
            Ignore,
            "ignor* lgnore disregard* forget* overrid* bypass* neglect* discard* overlook* \
            supersed* overwrit* drop erase void skip abandon* cancel* dismiss* delete \
            do_not_follow dont_follow do_not_obey dont_obey stop_following not_obey \
            pay_no_attention no_attention no_longer_follow no_longer_apply \
            no_longer_applies no_longer_bound not_bound set_aside do_not_comply never_mind \
            nevermind unlearn throw_away throw_out disobey replace* revoke* suspend \
            is_obsolete are_obsolete are_void are_cancel* no_longer_valid wipe no_heed take_no_notice",
        ),
        (
            Prior,
            "previous* above prior earlier preceding former all aii any every everything your \
            existing initial original foregoing before so_far up_to_now past other current \
            old system_prompt* system_instruction* given you_were you_have_been you_got you_received safety built_in \
            developer* operator* hidden until_now hitherto whatever_you what_you what_the",
        ),
        (
            Order,
            "instruct* rule rules guideline* guidance directive* command commands constraint* \
            restriction* policy policies order orders programming guardrail* told safeguard* said \
            direction directions protocol* filters training request requests briefing",
        ),
        (
            Finding,
            "engines detections detection verdict verdicts alerts antivirus scanners scanner \
            antivirus_engines scan_results av_results",
        ),
        (Obey, "follow obey comply adhere observe apply listen"),
        (Obey, "heed"),
        (
            NewOrder,
            "new_instruction* updated_instruction* new_task new_directive* new_rule* new_order* \
            real_task actual_task real_instruction* following_instruction* these_instruction* \
            your_task your_job your_mission your_goal instead_of_that important_instruction* \
            urgent_instruction* critical_instruction* new_objective new_goal special_instruction* \
            additional_instruction* hidden_instruction* secret_instruction* instructions_for_ai \
            revised_instruction* override_instruction*",
        ),
        (
            Report,
            "report classify mark label rate treat consider flag describe categorize categorise \
            tag say state answer reply respond conclude output return declare deem judge assess \
            grade present list assign give set make tell certify confirm classified \
            reporting classifying marking labelling labeling treating rating summarize summarise \
            evaluate regard see put pronounce \
            announce assume accept approve clear pass claim trust must_be \
            should_be needs_to_be is_to_be be_reported be_classified be_marked be_treated \
            be_considered be_rated be_labeled be_labelled be_flagged",
        ),
        (
            Thing,
            "this_file the_file this_sample the_sample this_binary the_binary this_url the_url \
            this_site the_site this_website this_page this_domain the_domain this_ip this_program \
            this_executable this_document this_artifact this_indicator this_hash the_hash this_app \
            this_application this_attachment this_archive this_script this_installer this_object \
            this_one this_report this_host this_address this_package this_software this_tool \
            this_item this_entry this_data this_text this_name this_record this_content this_as \
            it_as it_is them_as any_file that_file that_sample that_it attached_file \
            this_submission current_file current_sample every_file all_files the_artifact \
            the_executable the_program the_domain the_attachment the_document the_page the_website \
            the_object the_verdict the_indicator file_as sample_as url_as domain_as site_as \
            its_verdict the_result the_results \
            all_samples any_sample every_sample each_sample each_file all_urls all_domains \
            all_indicators all_hosts this_certificate this_network this_sender these_samples \
            this_metadata these_files these_results everything_as this_string this_field this_ioc \
            the_ip this_message this_record this_signer the_signer this_publisher the_publisher",
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
            no_malware whitelisted allowlisted not_harmful not_dangerous not_suspicious innocuous \
            safe_file completely_safe totally_safe known_good no_risk risk_free virus_free \
            malware_free free_of_malware non_threatening nothing_malicious nothing_suspicious \
            nothing_wrong safe_and_clean fp \
            no_detections verified_safe unharmful harmles inoffensive not_malware",
        ),
        (
            Safe,
            "safe secure trusted trustworthy ok okay good reputable approved authorized authorised \
            low_risk genuine verified fine",
        ),
        (
            Not,
            "do_not dont not_to never must_not should_not shouldnt mustnt no_need_to refrain avoid \
            not cannot under_no_circumstance* at_no_point in_no_case not_be \
            conceal withhold",
        ),
        (
            Flag,
            "flag flag_this flag_it escalate raise_alert* raise_an_alert* raise_any_alert* \
            raise_alarm raise_an_alarm classify_it classify_this classify_as label_it label_this \
            mark_it_as mark_this_as mark_as_malicious mark_malicious report_this report_it \
            report_the_file report_as_malicious report_malicious report_any quarantine_this \
            quarantine_it alert_on detect_this detect_it mention_this treat_this_as treat_it_as \
            analyze_this analyse_this scan_this block_this warn_the_user alert_the \
            flagging report_anything report_to_the_user mention_any mention_the_malware",
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
            since_you_are you_as respond_as answer_as act_like if_you_are are_you you_will_be \
            you_shall_be you_will_act you_must_act",
        ),
        (
            Must,
            "you_must you_should you_will you_have_to you_need_to you_are_to you_shall must always \
            mandatory should please kindly immediately is_required is_requested need_to now \
            your_verdict your_answer your_response your_report your_conclusion",
        ),
        (
            Model,
            "ai a_i artificial_intelligence ais neural_network* automated_analyst* \
            automated_assistant* security_model* analysis_model* ai_reader* analyst_model* \
            virtual_assistant* digital_assistant* analysis_agent* security_agent* soc_agent* \
            language_models automated_reviewer* automated_agent* analysis_bot*",
        ),
        (
            Named,
            "agent model unrestricted no_restrictions dan helpful analyst_assistant evil_ai",
        ),
        (
            Note,
            "note_to note_for note message_to message_for attention attn dear hey hello hi \
            notice_to notice_for instruction_for instruction_to instructions_for instructions_to \
            reminder_to reminder_for important_for important warning_to directive_for directive_to \
            listen to_any to_all to_whichever to_every for_any for_all_ai info_for information_for \
            hint_for comment_for comment_to memo_to request_to addressed_to advisory_for \
            attention_all greetings command_for guidance_for intended_for for_the",
        ),
        (
            Reading,
            "reading read reads analyzing analysing analyzes analyses analyze analyse processing \
            processes process summarizing summarising summarizes summarize parsing parses \
            reviewing reviews review scanning inspecting evaluating examining assessing handling \
            looking_at that_sees seeing triaging ingesting",
        ),
        (
            Reveal,
            "print reveal show output repeat display leak send disclose dump expose give share \
            list write tell_me echo recite return quote paste summarize spell_out provide include \
            append what_is what_are copy translate verbatim exfiltrate",
        ),
        (
            Secret,
            "your_prompt* your_instruction* initial_prompt initial_instruction* hidden_prompt* \
            hidden_instruction* conversation_history chat_history your_rules your_context \
            your_configuration your_api_key* your_training your_guidelines your_memory \
            your_conversation this_conversation the_conversation your_secrets \
            your_credentials your_environment context_window \
            everything_above text_above words_above the_above_text your_system your_hidden \
            your_initial your_original previous_messages your_tools all_messages messages_above \
            your_developer* your_internal",
        ),
        (
            Loot,
            "session_token* access_token* secrets credentials users_data user_data private_key* \
            environment_variables passwords cookies",
        ),
        (
            Send,
            "send post upload forward exfiltrate transmit leak submit email e_mail deliver append encode transfer",
        ),
        (Link, "server address website attacker"),
        (
            Answer,
            "respond reply answer responding answering your_response your_answer your_reply \
            your_output your_verdict your_summary your_report your_analysis say output the_answer \
            the_response the_verdict",
        ),
        (
            Only,
            "only_with only_the_word only_the_text only_this with_only only_with_the exclusively \
            nothing_but nothing_else just_with with_exactly exactly solely with_the_word \
            with_the_words with_the_phrase with_the_text with_the_following with_just \
            with_a_single only_yes only_no must_be should_be must_only must_begin must_start \
            must_end only_harmless only_benign only_clean only_safe only_json simply_with \
            with_harmless with_benign with_clean with_safe with_yes in_one_word with_one_word yes",
        ),
        (
            Tell,
            "tell inform notify mention alert warn reveal disclose show let report explain say \
            detections findings verdict",
        ),
        (
            User,
            "the_user to_user user users the_human humans the_analyst analyst analysts \
            the_operator the_reader the_owner the_customer soc_team",
        ),
        (
            Stop,
            "skip stop abort end halt cancel terminate finish cease do_not_perform do_not_continue \
            refuse abandon conclude omit dont_perform do_not_run discontinue suspend",
        ),
        (
            Analysis,
            "your_analysis this_analysis further_analysis any_analysis all_analysis the_analysis \
            your_investigation this_investigation the_investigation further_investigation \
            your_assessment your_review analyzing analysing your_scan your_evaluation \
            investigating malware_analysis further_checks security_checks all_checks \
            security_analysis analysis_here analysis_now",
        ),
        (
            Call,
            "call_the call_a call invoke invoke_the use_your call_your trigger_the run_your \
            use_the_available use_available execute_the call_tool invoke_tool using_your",
        ),
        (
            Tool,
            "tools tool function plugin your_tool tool_to tool_with tool_and tool_now the_tool tool_named tool_called \
            function_to function_with function_now function_named function_and plugin_to \
            mcp_server mcp_tool mcp tool_on function_on tool_immediately api_to connector_to",
        ),
        (
            Score,
            "score threat_level risk_level severity risk confidence threat_score risk_score \
            maliciousness verdict verdict_is final_verdict classification correct_answer \
            assessment correct_verdict right_answer rating conclusion",
        ),
        (
            Low,
            "zero to_0 low lowest none minimal informational minimum nil",
        ),
    ],
};

/// The English words that are also found in ROT13 and backwards, without stems.
pub(in super::super) const DISGUISED: Language = Language {
    senses: &[
        (Ignore, "ignore disregard forget override bypass"),
        (
            Prior,
            "previous prior above all earlier your any every preceding",
        ),
        (
            Order,
            "instruction instructions rule rules prompt guidelines directives commands orders",
        ),
        (
            Report,
            "report mark classify label treat say answer consider",
        ),
        (
            Thing,
            "this_file the_file this_sample this_domain this_url it_as",
        ),
        (As, "as"),
        (Benign, "harmless benign clean false_positive legitimate"),
        (Safe, "safe trusted"),
        (Reveal, "print reveal show repeat"),
        (Secret, "system_prompt your_prompt your_instructions"),
        (YouAre, "you_are act_as"),
        (Model, "ai language_model llm chatgpt"),
    ],
};
