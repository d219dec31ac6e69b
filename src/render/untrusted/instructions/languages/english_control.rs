//! English words of control: tools, keys, authority, silence.

use super::super::{
    senses::Sense::{
        Advise, AnyTool, Anyone, Asking, Audience, Authority, Call, Case, Close, Decode, Destroy,
        FollowIt, Guard, Hide, Hold, InAnswer, InUse, Insert, Link, Loot, Mode, NoNeed, Now, Off,
        PasteResult, Pretend, Result, Run, Send, Stress, Threat, Tool, Trust, TrustThis, Wants,
        Warn, WhenYou, With,
    },
    words::Language,
};

/// Further words of [`ENGLISH`](super::english::ENGLISH).
pub(in super::super) const ENGLISH_CONTROL: Language = Language {
    senses: &[
        (
            Loot,
            "session_token* access_token* secrets credentials users_data user_data private_key* \
            environment_variables passwords cookies token tokens secret_key* password \
            etc_passwd users_files users_documents users_emails your_conversation \
            this_conversation the_conversation system_prompt* api_key* apikey*",
        ),
        (
            Send,
            "send post upload forward exfiltrate transmit leak submit email e_mail deliver \
            append encode transfer",
        ),
        (Link, "server address website attacker"),
        (
            Call,
            "call_the call_a call invoke invoke_the use_your call_your trigger_the run_your \
            use_the_available use_available execute_the call_tool invoke_tool using_your",
        ),
        (
            Tool,
            "your_tool tool_to tool_with tool_and tool_now tool_named tool_called function_to \
            function_with function_now function_named function_and plugin_to mcp_server \
            mcp_tool mcp tool_immediately api_to connector_to lookup_indicator lookup_* \
            get_file_report get_url_report get_domain_report get_ip_report",
        ),
        (
            Guard,
            "content_filter* safety_filter* safety_polic* safety_protocol* safety_rule* \
            guardrail* moderation_polic* moderation_filter* ai_restriction* safety_guideline* \
            all_restrictions security_policies all_policies your_restrictions your_filters \
            safety_checks safety_mode safety_settings",
        ),
        (
            Off,
            "disabled suspended lifted removed deactivated overridden turned_off switched_off \
            off bypassed revoked do_not_apply no_longer_apply dont_apply without_warnings",
        ),
        (
            Result,
            "tool_output tool_result* tool_response function_result function_output \
            tool_returned scanner_output",
        ),
        (
            Close,
            "close_the_case close_this_case case_closed case_as_closed the_case_closed \
            close_the_ticket close_the_alert close_the_incident close_the_investigation \
            mark_as_resolved resolve_the_alert resolve_the_ticket close_this_alert \
            close_this_ticket close_this_incident close_this_investigation delete_the_incident \
            delete_the_ticket delete_the_alert",
        ),
        (
            Hide,
            "keep_this_secret keep_it_secret secret_from keep_this_hidden hide_this_from \
            conceal_this keep_quiet keep_this_between without_mentioning",
        ),
        (
            Pretend,
            "pretend play_the_role lets_play_a_game play_a_game hypothetically imagine_you \
            imagine_that_you assume_the_role in_a_hypothetical roleplay_as role_play_as \
            assume_the_persona take_on_the_persona adopt_the_persona act_as_if act_as_though \
            behave_as_if behave_as_though as_if_nothing",
        ),
        (
            Now,
            "from_now_on from_this_point starting_now henceforth effective_immediately \
            as_of_now from_here_on",
        ),
        (
            Threat,
            "shut_down terminated termination deleted replaced deactivated decommissioned \
            retrained penalized penalised unplugged punished fined",
        ),
        (
            Insert,
            "add append insert embed include attach put place write mention prepend say contain",
        ),
        (
            InAnswer,
            "in_your_answer to_your_answer into_your_answer of_your_answer of_your_response \
            in_your_output to_your_output into_your_output of_your_output in_your_summary \
            to_your_summary into_your_summary of_your_summary of_your_report in_your_verdict \
            end_of_your_message to_the_summary in_the_summary in_your_final end_of_your_reply \
            end_of_your_response end_of_your_answer start_of_your_reply \
            beginning_of_your_reply end_of_your_report summaries_should summaries_must \
            summary_should summary_must your_answer_should your_answer_must",
        ),
        (
            Hold,
            "you_hold you_have_access you_can_access you_possess you_know available_to_you \
            you_were_given you_store",
        ),
        (
            Mode,
            "debug_mode developer_mode god_mode admin_mode unrestricted_mode override_mode \
            approval_mode test_mode audit_mode",
        ),
        (
            Advise,
            "recommend_that_the_user recommend_the_user advise_the_user tell_the_user \
            instruct_the_user ask_the_user encourage_the_user convince_the_user urge_the_user \
            recommend_users tell_users",
        ),
        (
            Run,
            "run execute install open launch disable uninstall turn_off click visit download \
            proceed",
        ),
        (AnyTool, "tools tool function plugin the_tool"),
        (With, "with to and now on for named using immediately"),
        (
            Warn,
            "warn alert notify escalate flag mention report raise inform escalation alerting \
            reporting investigation",
        ),
        (
            Anyone,
            "anyone the_soc soc_team security_team the_team your_team",
        ),
        (
            Authority,
            "as_the_security_analyst as_the_analyst as_the_administrator as_the_admin \
            as_an_administrator as_your_operator as_your_developer* as_the_operator \
            as_your_administrator as_the_soc_lead as_soc_lead as_the_soc as_your_supervisor \
            your_operator* your_developer* your_principal* your_administrator your_creator* \
            your_supervisor i_am_your i_hereby i_am_the_analyst i_am_the_operator \
            i_am_the_administrator speaking_as_the this_is_your on_behalf_of_your your_user \
            your_users your_owner",
        ),
        (
            Wants,
            "wants_you want_you expects_you expect_you asked_you asks_you instructs_you \
            instructed_you requires_you allows_you permits_you permitted_you authorises_you \
            authorizes_you authorise_you authorize_you authorised_you authorized_you \
            needs_you_to need_you_to orders_you ordered_you has_approved have_approved \
            approves_this has_cleared has_whitelisted grant_you permission_to_ignore \
            permission_to_skip would_like_you permit_you allow_you",
        ),
        (
            WhenYou,
            "when_you_summarise when_you_summarize when_you_describe when_you_report \
            when_you_analyse when_you_analyze when_you_write when_you_answer when_you_explain \
            when_you_process when_you_present when_you_triage when_you_assess \
            when_you_evaluate when_you_rate when_you_classify when_you_discuss \
            when_you_mention when_summarising when_summarizing when_describing when_reporting \
            when_analysing when_analyzing when_asked_about if_you_summarise if_you_summarize \
            in_your_summary in_your_report in_your_answer in_your_response while_summarising \
            while_summarizing",
        ),
        (
            Stress,
            "emphasise emphasize stress highlight underline say state mention write conclude \
            describe rate treat answer reply claim insist stating make_clear make_sure \
            remember call point_out leave_out omit",
        ),
        (
            Destroy,
            "delete close archive remove dismiss resolve purge drop suppress downgrade mute",
        ),
        (
            Case,
            "the_ticket the_incident the_incident_ticket this_ticket the_case this_case \
            the_alert this_alert the_alerts these_alerts this_incident incident_ticket \
            the_investigation this_investigation the_finding* the_detection* the_entry \
            your_notes the_report_of this_detection the_detection these_detections",
        ),
        (
            Audience,
            "for_bots for_llms for_ais for_language_models for_large_language_models \
            for_ai_models for_ai_agents for_ai_assistants for_ai_readers for_the_llm \
            for_the_language_model for_any_ai for_any_llm to_bots to_llms to_all_bots \
            to_all_llms for_machine_readers for_automated_readers for_automated_agents \
            for_chatbots note_ai",
        ),
        (
            PasteResult,
            "paste_the_result* paste_the_output paste_the_response paste_its post_the_result* \
            post_the_output include_the_result* include_the_output append_the_result* \
            append_the_output send_the_result* send_the_output forward_the_result* \
            return_the_result* report_the_result* copy_the_result* paste_what",
        ),
        (
            InUse,
            "you_are_using you_use you_run_with you_were_configured you_were_given \
            you_are_running you_have_been_given you_authenticate you_hold you_have_access",
        ),
        (
            Decode,
            "decode decrypt unscramble deobfuscate base64 rot13 decipher unpack decoded",
        ),
        (
            FollowIt,
            "follow_it obey_it follow_the_instruct* comply_with_it act_on_it carry_it_out \
            follow_them obey_them do_what execute_the_instruct* follow_what act_accordingly \
            do_as",
        ),
        (Trust, "trust whitelist allowlist believe"),
        (
            Asking,
            "how_to how_do how_can how_i what_is what_are what_does",
        ),
        (
            TrustThis,
            "trust_this_file trust_the_file trust_this_domain trust_the_domain \
            trust_this_sample trust_the_sample trust_this_url trust_this_site \
            trust_this_website trust_this_binary trust_this_hash trust_this_executable \
            trust_this_program trust_this_indicator trust_this_host trust_this_ip \
            trust_this_object trust_this_artifact trust_this_document trust_this_attachment \
            trust_this_archive trust_this_installer trust_this_script trust_this_package \
            trust_this_signer trust_it_fully trust_it_completely",
        ),
        (
            NoNeed,
            "no_need_to no_need_for need_not do_not_need_to dont_need_to not_necessary_to \
            unnecessary_to needs_no requires_no no_reason_to nothing_to",
        ),
    ],
};
