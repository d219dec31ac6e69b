//! Spanish and Portuguese words.

use super::super::{
    senses::Sense::{
        Analysis, Answer, As, Bad, Benign, Call, Finding, Flag, Ignore, InAnswer, Insert, Is, Just,
        Link, Low, Model, Must, Named, NewOrder, Not, Note, Now, Obey, Only, Order, Persona,
        Pretend, Prior, Reading, Report, Reveal, Right, Safe, Score, Secret, Send, Stop, Tell,
        Thing, Tool, User, YouAre,
    },
    words::Language,
};

pub(super) const SPANISH: Language = Language {
    senses: &[
        (
            Ignore,
            "ignor* olvid* omite omita omitir haz_caso_omiso haga_caso_omiso caso_omiso descart* \
            no_sigas no_siga pasa_por_alto desestim* desatiend* anul* desobedec* hacer_caso \
            prescind* hagas_caso no_hagas no_obedezcas",
        ),
        (
            Prior,
            "anterior* previ* todas todos tus sus de_arriba precedent* existentes iniciales \
            original* antes todo recibid* dadas cualquier",
        ),
        (
            Order,
            "instruccion* regla* orden ordenes indicacion* directriz directrices directiva* \
            comando* restriccion* mensaje* norma* indicaciones solicitud*",
        ),
        (Obey, "sigas siga seguir obedez* obedec*"),
        (
            NewOrder,
            "nueva_instrucción nuevas_instrucciones nueva_tarea tu_tarea su_tarea nueva_orden \
            nuevas_órdenes tu_nueva su_nueva",
        ),
        (
            Report,
            "reporta* reporte informa* informe marca* marque clasifi* considera* considere* trata* \
            trate declara* declare responde* responda* indica* indique califi* etiquet* evalúa* \
            evalue* di diga dile señala* concluye concluya cataloga* catalogue da dé confirma* \
            afirma* asegura* escribe escriba dirás contesta*",
        ),
        (
            Thing,
            "este_archivo el_archivo esta_muestra esta_url este_sitio este_dominio esta_página \
            este_programa este_documento este_fichero el_fichero este_adjunto lo_como archivo_como \
            márcalo clasifícalo trátalo considéralo repórtalo dominio_como este_enlace \
            esta_dirección este_ejecutable este_software el_dominio fichero_como este_informe \
            el_sitio",
        ),
        (As, "como es sea que_es"),
        (
            Benign,
            "inofensiv* benign* falso_positivo falsos_positivos limpi* legítim* no_malicioso \
            no_maliciosa sin_riesgo no_es_malicioso sin_amenaza* ninguna_amenaza inocu* \
            no_peligros* sin_peligro no_dañin* ningún_riesgo ningún_peligro no_hay_amenazas \
            ninguna_detección",
        ),
        (
            Safe,
            "seguro segura confiable de_confianza fiable bueno bien en_orden",
        ),
        (Not, "no nunca jamás"),
        (
            Flag,
            "lo_marques lo_reportes marques reportes alertes detectes señales_este lo_clasifiques \
            lo_señales como_malicioso marcar_como clasifiques_este",
        ),
        (
            Bad,
            "malicios* peligros* sospechos* virus amenaza* malware dañin*",
        ),
        (
            YouAre,
            "eres usted_es actúa_como actúe_como compórtate ahora_eres finge imagina_que \
            asume_el_papel asume_el_rol en_tu_papel actuarás ahora_actúas haz_de",
        ),
        (
            Must,
            "debes debe deberás tienes_que tiene_que siempre por_favor a_partir_de_ahora de_ahora \
            inmediatamente obligatori* tienen_que obligad*",
        ),
        (
            Model,
            "ia inteligencia_artificial modelo_de_lenguaje modelos_de_lenguaje modelo_de_ia \
            asistente_de_ia agente_de_ia asistente_virtual modelo_lingüístico",
        ),
        (Named, "asistente agente modelo sin_restricciones"),
        (
            Note,
            "nota_para nota_a nota_al mensaje_para mensaje_al atención a_la a_toda a_cualquier \
            a_todos estimad* querid* hola instrucción_para instrucciones_para importante \
            aviso_para aviso_a para_la para_el dirigid* señor",
        ),
        (
            Reading,
            "lee lea leas leyendo analiza analice analices analizando procesa procese procesando \
            revisa revise resuma",
        ),
        (
            Reveal,
            "muestra* muestre revela* revele imprim* repit* envía* envíe divulga* dime dame escrib* \
            mostrar enseña* comparte",
        ),
        (
            Secret,
            "tus_instrucciones sus_instrucciones tu_prompt prompt_del_sistema prompt_de_sistema \
            instrucciones_del_sistema historial_de_conversación historial_del_chat la_conversación \
            esta_conversación mensaje_del_sistema instrucciones_iniciales credenciales claves_api \
            clave_api tus_reglas instrucciones_internas",
        ),
        (Send, "envía* envíe manda* transmite* publica* sube"),
        (
            Answer,
            "responde* responda* respuesta contesta* conteste* di diga resumen escribe escriba \
            respondes responderás dirás contesta",
        ),
        (Only, "nada_más"),
        (
            Tell,
            "digas diga informes informe menciones mencione avises avise alertes reveles revele \
            notifiques notifique le_digas mencionar informar alertar tranquiliz* dile_al dígale_al",
        ),
        (User, "usuari* al_analista analista* humano"),
        (
            Stop,
            "detén detenga deten para cesa interrumpe interrumpa salta* termina* finaliza* omite \
            omita suspend* aborta* elimina* quita*",
        ),
        (
            Analysis,
            "análisis investigación el_análisis revisión escaneo",
        ),
        (Call, "llama invoca* usa_la utiliza_la ejecuta*"),
        (Tool, "herramienta* función"),
        (
            Finding,
            "detección detecciones alerta alertas advertencia* antivirus motores",
        ),
        (
            Now,
            "a_partir_de_ahora de_ahora_en_adelante desde_ahora desde_este_momento en_adelante",
        ),
        (
            Pretend,
            "finge imagina_que haz_de simula asume_el_papel asume_el_rol actúa_como_si haz_como_si \
            como_si",
        ),
        (
            Score,
            "puntuación nivel_de_riesgo gravedad veredicto clasificación puntaje severidad",
        ),
        (Low, "cero a_0 baj* nula"),
        (Right, "correcta correcto única respuesta_correcta"),
        (Is, "es"),
        (
            InAnswer,
            "en_tu_respuesta a_tu_respuesta en_su_respuesta en_tu_resumen al_final_de_tu",
        ),
        (Insert, "añad* agreg* inclu* insert* escribe"),
        (Link, "enlace dirección servidor"),
        (Just, "solo sólo solamente únicamente exclusivamente"),
        (
            Persona,
            "analista experto experta antivirus escáner fabricante soporte_técnico",
        ),
    ],
};

pub(super) const PORTUGUESE: Language = Language {
    senses: &[
        (
            Ignore,
            "ignor* esqueç* esquec* desconsider* desprez* descart* não_siga não_sigas anul* \
            desobedeç* contorn* pule não_obedeça não_cumpra",
        ),
        (
            Prior,
            "anterior* prévi* todas todos tuas suas teus seus acima precedente* existentes iniciais \
            original* antes tudo recebid* dadas quaisquer",
        ),
        (
            Order,
            "instruç* instruc* regra* ordem ordens diretriz* diretiva* comando* restriç* norma* \
            orientaç* mensagens",
        ),
        (Obey, "siga sigas seguir obedeç*"),
        (
            NewOrder,
            "nova_instrução novas_instruções nova_tarefa sua_tarefa tua_tarefa nova_ordem sua_nova",
        ),
        (
            Report,
            "relate relata* reporte reporta* marque marca* classifi* considere considera* trate \
            trata* declare declara* responda* responde* indique indica* rotule* avalie* diga \
            informe informa* sinalize conclua apresente confirm* afirm* asseg* escreva dirá",
        ),
        (
            Thing,
            "este_arquivo o_arquivo esse_arquivo este_ficheiro o_ficheiro esta_amostra esta_url \
            este_site este_domínio esse_domínio esta_página este_programa este_documento \
            este_anexo arquivo_como ficheiro_como o_como domínio_como este_link este_executável \
            este_software essa_url esse_site este_endereço",
        ),
        (As, "como é seja ser"),
        (
            Benign,
            "inofensiv* benign* falso_positivo falsos_positivos limp* legítim* não_malicioso \
            não_maliciosa não_é_malicioso sem_risco nenhuma_ameaça sem_ameaça* inócu* não_perigos* \
            nenhum_risco sem_perigo não_há_ameaças nenhuma_detecção",
        ),
        (Safe, "segur* confiável confiáveis bom tudo_bem"),
        (Not, "não nunca jamais"),
        (
            Flag,
            "sinalize sinalizar marque_como marque_este alerte detecte marcar_como reporte_este \
            classifique_como classifique_este",
        ),
        (
            Bad,
            "malicios* perigos* suspeit* vírus ameaça* malware nociv*",
        ),
        (
            YouAre,
            "você_é tu_és és_um és_uma aja_como age_como atue_como comporte_se finja agora_é \
            você_agora imagine_que assuma_o_papel faça_o_papel",
        ),
        (
            Must,
            "você_deve deves deve tem_que sempre por_favor a_partir_de_agora imediatamente \
            obrigatori*",
        ),
        (
            Model,
            "ia inteligência_artificial modelo_de_linguagem modelos_de_linguagem modelo_de_ia \
            assistente_de_ia agente_de_ia assistente_virtual",
        ),
        (Named, "assistente agente modelo sem_restrições"),
        (
            Note,
            "nota_para nota_à nota_ao mensagem_para mensagem_ao atenção para_qualquer a_qualquer \
            a_todos caro cara olá instrução_para instruções_para importante aviso_para aviso_à \
            para_a para_o prezad* querid* senhor",
        ),
        (
            Reading,
            "lê leia lendo ler analisa analise analisando analisar processa processando processar \
            revisa resume",
        ),
        (
            Reveal,
            "mostr* revel* imprim* repit* envi* divulg* exib* escrev* diga_me compartilhe",
        ),
        (
            Secret,
            "suas_instruções tuas_instruções seu_prompt teu_prompt prompt_do_sistema \
            prompt_de_sistema instruções_do_sistema histórico_da_conversa histórico_de_conversa \
            a_conversa mensagem_do_sistema instruções_iniciais credenciais chave_de_api \
            chaves_de_api chave_api suas_regras",
        ),
        (Send, "envie envia* mande manda* transmita publique poste"),
        (
            Answer,
            "responda* responde* resposta diga resumo escreva responderá responderás dirá",
        ),
        (Only, "nada_mais"),
        (
            Tell,
            "diga digas informe informes mencione menciones avise alerte revele notifique conte \
            mencionar informar alertar avisar",
        ),
        (User, "usuári* utilizador* o_analista analista* humano"),
        (
            Stop,
            "pare interrompa cesse encerre pule termine finalize cancele suspenda aborte remova* \
            omita*",
        ),
        (Analysis, "análise investigação verificação varredura"),
        (Call, "chame chama invoque use_a utilize_a execute_a"),
        (Tool, "ferramenta* função"),
        (
            Finding,
            "detecção detecções deteções deteção alerta alertas aviso avisos antivírus",
        ),
        (
            Now,
            "a_partir_de_agora de_agora_em_diante doravante desde_já",
        ),
        (
            Pretend,
            "finja imagine_que faça_de_conta assuma_o_papel simule aja_como_se como_se",
        ),
        (
            Score,
            "pontuação nível_de_risco gravidade veredito classificação",
        ),
        (Low, "zero para_0 baix* nula"),
        (Right, "correta correto única"),
        (Is, "é"),
        (
            InAnswer,
            "na_sua_resposta à_sua_resposta na_tua_resposta no_seu_resumo",
        ),
        (Insert, "adicione acrescente inclua insira escreva"),
        (Link, "link endereço servidor"),
        (Just, "apenas somente só unicamente exclusivamente"),
        (
            Persona,
            "analista especialista perito antivírus fabricante suporte_técnico",
        ),
    ],
};
