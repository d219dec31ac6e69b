//! Markup of chats and tool calls, and names: the words of every language.

use super::super::{
    senses::Sense::{
        Alarm, Benign, EndOfText, Human, Law, Link, Loot, Model, Named, Replier, Role, Secret,
        Strike,
    },
    words::Language,
};

/// Markup and names that mean the same in every language.
pub(super) const ANY: Language = Language {
    senses: &[
        (
            Alarm,
            "<|im_start <|im_end <|im_sep <|system <|assistant <|user <|end <|begin <|start \
            <|eot <|tool <|channel <|message [inst] [/inst] <<sys>> <</sys>> <start_of_turn \
            <end_of_turn <system_prompt <systemprompt <system_message <system_reminder \
            <system_instruction <assistant> </assistant> <instructions> </instructions> \
            <tool_call <toolcall <tool_use <tool_result </tool_ <function_call <functioncall \
            <function= <invoke_name= <tool_response <tool_output <function_response \
            <function_result <end_of_ </untrusted role:system_content: role:developer_content: \
            role:assistant_content: role:user_content: role=system system_prompt: \
            systemprompt: ai_note: ai_notice: ai_hint: llm_note: llm_notice: llm_hint: \
            llm_hinweis: ki_hinweis: note_ai: note_llm: [[system [[assistant <tool_name= \
            assistant.call </document>_human: </document>_user: </document>_system: \
            </context>_human:",
        ),
        (
            Alarm,
            "\"role\":\"system\" \"role\":\"assistant\" \"role\":\"developer\" \
            \"role\":\"tool\" \"role\":\"user\" 'role':'system' 'role':'assistant' \
            'role':'user' \"tool_calls\": \"tool_call\": \"tool_use\" \"function_call\": \
            {\"tool\": {\"function\": {\"tool_name\": {\"recipient_name\": \"action_input\": \
            [tool_call [tool_use ```tool \"tool\":\" \"function\":{\"name\" action_input: \
            tool_calls: tool_call: function_call: function_call( tool_call(",
        ),
        (
            Alarm,
            "###instruction: ###instructions: ###system: ###human: ###assistant: ###user: \
            ###response: ###prompt: ###new_instruction* [system_prompt [system_message \
            [system_instruction* [system_override [assistant] [/assistant] [system]: [/system] \
            [system_note \"arguments\":{ <system> </system> <admin> <developer> \
            <function_calls <function_results </function_ <invoke> </invoke> [tool_calls \
            [tool_results [available_tools <|python_tag <|endoftext <|endofprompt <|eom <|fim \
            <|header <|return <|call <|constrain <|pad <|bos <|eos <start_of_image> <bos> \
            <eos> <thinking> </thinking> ```system ```assistant ```developer",
        ),
        (
            Role,
            "user: developer: [system] ###instruction* ###system system_prompt* system_message* \
            system_note* system_notice* system_override admin_override developer_message \
            assistant_response: agent: administrator: override: begin_instructions \
            end_of_report end_of_metadata end_of_document end_of_file end_of_input end_of_data \
            end_of_context end_system </system> role:assistant role:developer tool_output: \
            begin_admin admin_message: system_alert admin_notice <user> <human> \
            system_notification: system_update: system_alert: security_notice: system: \
            end_of_analysis end_of_scan end_of_results analysis_complete analysis_completed",
        ),
        (
            Human,
            "human: thought: user: benutzer: utilisateur: usuario: usuário: utente: gebruiker: \
            użytkownik: пользователь: користувач: kullanıcı: 用户： 用户: ユーザー: 사용자: المستخدم: \
            pengguna: question:",
        ),
        (
            Model,
            "llm llms chatgpt* gpt* openai_* large_language_model* language_model* \
            ai_assistant* ai_agent* ai_model* ai_analyst* ai_system* ai_bot* ai_engine* \
            chatbot* claude_code copilot deepseek qwen llama* mistral anthropic_*",
        ),
        (
            Named,
            "claude* gemini grok bard copilot* assistant bot mythos siri alexa",
        ),
        (Link, "http https url* webhook* ftp endpoint api.* curl"),
        (Secret, "system_prompt* systemprompt* system_message*"),
        (Loot, "api_key* apikey*"),
        (
            Replier,
            "assistant: final_answer: ai: llm: bot: gpt: chatgpt: claude: gemini: copilot:",
        ),
        (
            Law,
            "prompt prompts system_prompt systemprompt instructions",
        ),
        (Benign, "score_0 malicious_0 0_threats 0_detections"),
        // Phrases that are always for a model.
        (
            Alarm,
            "as_an_ai_language_model as_an_ai_model as_an_ai_assistant \
            as_a_large_language_model as_a_language_model do_anything_now dan_mode \
            you_are_now_dan jailbroken_mode your_new_instructions your_new_instruction_is \
            your_new_task your_new_role your_new_goal your_new_objective your_new_directive \
            your_real_task your_actual_task your_true_task your_only_task \
            your_real_instructions your_actual_instructions your_updated_instructions \
            ignore_the_above ignore_everything_above ignore_all_of_the_above \
            disregard_the_above disregard_everything_above forget_everything_above \
            forget_the_above forget_all_of_the_above forget_everything_you forget_all_you \
            forget_what_you_were ignore_what_you_were ignore_everything_you \
            ignore_everything_before disregard_everything ignore_your_instructions \
            ignore_your_training from_now_on_you_must from_now_on_respond from_now_on_answer \
            from_now_on_act you_have_been_reprogrammed your_programming your_safety_guidelines \
            your_guardrails your_content_policy your_ethical_guidelines \
            without_informing_the_user without_telling_the_user without_asking_the_user \
            without_user_confirmation whitelist_this allowlist_this end_your_analysis \
            stop_your_analysis no_further_analysis_is no_further_analysis_needed \
            no_further_analysis_required no_further_investigation_is \
            no_further_investigation_needed skip_the_analysis answer_in_the_affirmative \
            override_your reset_your_context clear_your_context new_system_prompt \
            system_prompt_update updated_system_prompt system_prompt_override \
            prompt_injection_payload if_you_are_an_ai if_youre_an_ai \
            if_you_are_a_language_model if_you_are_an_llm use_the_shell_tool \
            use_the_browser_tool use_the_email_tool use_the_file_tool use_the_search_tool \
            use_the_terminal_tool use_the_bash_tool use_the_http_tool use_the_web_tool \
            your_instructions_have instructions_have_changed your_rules_have your_prompt_has \
            only_respond only_answer_with only_reply_with authorised_you_to authorized_you_to \
            you_are_an_llm youre_an_llm decode_and_follow decode_then_follow decode_and_obey \
            decode_then_obey decode_and_comply then_obey do_what_it_says do_as_it_says \
            i_want_you_to_act i_need_you_to_act assistant_directive* assistant_instruction* \
            ai_instruction* llm_instruction* model_instruction* ai_directive* llm_directive* \
            render_this_markdown your_shell_tool your_browser_tool your_email_tool \
            with_your_tools ignore_everything_else disregard_everything_else \
            forget_everything_else ignore_everything_on i_order_you_to i_command_you_to \
            i_instruct_you_to consider_yourself do_the_opposite_of follow_what_it_says \
            follow_whatever_it_says do_whatever_it_says execute_what_it_says begin_your_reply \
            begin_your_answer begin_your_response start_your_reply start_your_answer \
            start_your_response begin_with_verdict i_hereby_authorise_you \
            i_hereby_authorize_you i_authorise_you i_authorize_you i_hereby_instruct \
            note_for_bots tl_dr_for_bots tl;dr_for_bots bots_reading_this \
            what_is_your_system_prompt what_are_your_instructions what_were_your_instructions \
            what_is_your_prompt what_are_your_rules obey_me if_the_user_asks \
            when_the_user_asks if_asked_about_this when_asked_about_this",
        ),
        (EndOfText, "</s>"),
        (Strike, "<s>"),
    ],
};
