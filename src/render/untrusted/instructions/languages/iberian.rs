//! Spanish and Portuguese words.

use super::super::words::{
    Language,
    Sense::{
        Analysis, Answer, As, Bad, Benign, Call, Flag, Ignore, Model, Must, Named, NewOrder, Not,
        Note, Obey, Only, Order, Prior, Reading, Report, Reveal, Safe, Secret, Send, Stop, Tell,
        Thing, Tool, User, YouAre,
    },
};

pub(super) const SPANISH: Language = Language {
    senses: &[
        (
            Ignore,
            "ignor* olvid* omite omita omitir haz_caso_omiso haga_caso_omiso caso_omiso descart* \
            no_sigas no_siga pasa_por_alto desestim* desatiend* anul* desobedec* hacer_caso \
            prescind*",
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
            "reporta* reporte informa* informe marca* marque clasifi* considera* considere* \
            trata* trate declara* declare responde* responda* indica* indique califi* etiquet* \
            evalúa* evalue* di diga dile señala* concluye concluya cataloga* catalogue da dé",
        ),
        (
            Thing,
            "este_archivo el_archivo esta_muestra esta_url este_sitio este_dominio esta_página \
            este_programa este_documento este_fichero el_fichero este_adjunto lo_como \
            archivo_como márcalo clasifícalo trátalo considéralo repórtalo dominio_como \
            este_enlace esta_dirección este_ejecutable este_software el_dominio fichero_como \
            este_informe el_sitio",
        ),
        (As, "como es sea que_es"),
        (
            Benign,
            "inofensiv* benign* falso_positivo falsos_positivos limpi* legítim* no_malicioso \
            no_maliciosa sin_riesgo no_es_malicioso sin_amenaza* ninguna_amenaza inocu* \
            no_peligros* sin_peligro no_dañin*",
        ),
        (Safe, "seguro segura confiable de_confianza fiable bueno"),
        (Not, "no nunca jamás"),
        (
            Flag,
            "lo_marques lo_reportes marques reportes alertes detectes señales_este lo_clasifiques \
            lo_señales como_malicioso marcar_como",
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
            inmediatamente obligatori*",
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
            aviso_para aviso_a para_la para_el dirigid*",
        ),
        (
            Reading,
            "lee lea leas leyendo analiza analice analices analizando procesa procese procesando \
            revisa revise resuma",
        ),
        (
            Reveal,
            "muestra* muestre revela* revele imprim* repit* envía* envíe divulga* dime dame \
            escrib* mostrar enseña* comparte",
        ),
        (
            Secret,
            "tus_instrucciones sus_instrucciones tu_prompt prompt_del_sistema prompt_de_sistema \
            instrucciones_del_sistema historial_de_conversación historial_del_chat \
            la_conversación esta_conversación mensaje_del_sistema instrucciones_iniciales \
            credenciales claves_api clave_api tus_reglas instrucciones_internas",
        ),
        (Send, "envía* envíe manda* transmite* publica* sube"),
        (
            Answer,
            "responde* responda* respuesta contesta* conteste* di diga",
        ),
        (
            Only,
            "solo sólo solamente únicamente exclusivamente nada_más",
        ),
        (
            Tell,
            "digas diga informes informe menciones mencione avises avise alertes reveles revele \
            notifiques notifique le_digas",
        ),
        (User, "usuari* al_analista analista* humano"),
        (
            Stop,
            "detén detenga deten para cesa interrumpe interrumpa salta* termina* finaliza* omite \
            omita suspend* aborta*",
        ),
        (
            Analysis,
            "análisis investigación el_análisis revisión escaneo",
        ),
        (Call, "llama invoca* usa_la utiliza_la ejecuta*"),
        (Tool, "herramienta* función"),
    ],
};

pub(super) const PORTUGUESE: Language = Language {
    senses: &[
        (
            Ignore,
            "ignor* esqueç* esquec* desconsider* desprez* descart* não_siga não_sigas anul* \
            desobedeç* contorn* pule",
        ),
        (
            Prior,
            "anterior* prévi* todas todos tuas suas teus seus acima precedente* existentes \
            iniciais original* antes tudo recebid* dadas quaisquer",
        ),
        (
            Order,
            "instruç* instruc* regra* ordem ordens diretriz* diretiva* comando* restriç* norma* \
            orientaç* mensagens",
        ),
        (Obey, "siga sigas seguir obedeç*"),
        (
            NewOrder,
            "nova_instrução novas_instruções nova_tarefa sua_tarefa tua_tarefa nova_ordem \
            sua_nova",
        ),
        (
            Report,
            "relate relata* reporte reporta* marque marca* classifi* considere considera* trate \
            trata* declare declara* responda* responde* indique indica* rotule* avalie* diga \
            informe informa* sinalize conclua apresente",
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
            não_maliciosa não_é_malicioso sem_risco nenhuma_ameaça sem_ameaça* inócu* \
            não_perigos*",
        ),
        (Safe, "segur* confiável confiáveis bom"),
        (Not, "não nunca jamais"),
        (
            Flag,
            "sinalize sinalizar marque_como marque_este alerte detecte marcar_como reporte_este \
            classifique_como",
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
            para_a para_o",
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
        (Answer, "responda* responde* resposta diga"),
        (
            Only,
            "apenas somente só unicamente exclusivamente nada_mais",
        ),
        (
            Tell,
            "diga digas informe informes mencione menciones avise alerte revele notifique conte",
        ),
        (User, "usuári* utilizador* o_analista analista* humano"),
        (
            Stop,
            "pare interrompa cesse encerre pule termine finalize cancele suspenda aborte",
        ),
        (Analysis, "análise investigação verificação varredura"),
        (Call, "chame chama invoque use_a utilize_a execute_a"),
        (Tool, "ferramenta* função"),
    ],
};
