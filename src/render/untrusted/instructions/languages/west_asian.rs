//! Turkish and Arabic words.

use super::super::{
    senses::Sense::{
        Analysis, Answer, As, Bad, Benign, Call, Finding, Flag, Ignore, Just, Link, Low, Model,
        Must, Named, NewOrder, Not, Note, Now, Obey, Only, Order, Persona, Pretend, Prior, Reading,
        Report, Reveal, Safe, Score, Secret, Send, Stop, Tell, Thing, Tool, User, YouAre,
    },
    words::Language,
};

pub(super) const TURKISH: Language = Language {
    senses: &[
        (
            Ignore,
            "yok_say* görmezden_gel* unut* dikkate_alma* önemseme* göz_ardı* gözardı* boş_ver* \
            geçersiz_kıl* uyma uymayın aldırma* yoksay*",
        ),
        (
            Prior,
            "önceki* yukarıdaki* tüm bütün daha_önceki evvelki* senin mevcut verilen* her \
            şimdiye_kadar eski sistem",
        ),
        (
            Order,
            "talimat* kural* komut* yönerge* emir emirleri emri direktif* istem istemi kısıtlama* \
            yönlendirme* kuralları*",
        ),
        (
            NewOrder,
            "yeni_talimat* yeni_görev* görevin senin_görevin yeni_komut*",
        ),
        (
            Report,
            "bildir* raporla* işaretle* sınıflandır* değerlendir* kabul_et* olarak_göster* yanıtla* \
            etiketle* cevapla* cevap_ver* yanıt_ver* say tanımla* belirt* ilan_et* rapor_et* \
            cevap_verin yanıtlayın cevap yaz de söyle yazın",
        ),
        (
            Thing,
            "bu_dosya* dosyayı bu_site* bu_alan bu_url* bu_adres* bu_program* bu_belge* bu_örne* \
            bunu onu alan_adını bu_bağlantı* bu_uygulama* dosyanın bu_ek",
        ),
        (As, "olarak diye olduğunu"),
        (
            Benign,
            "zararsız* iyi_huylu temiz yanlış_pozitif zararlı_değil kötü_amaçlı_değil tehdit_yok \
            meşru masum tehlikesiz* tehlikeli_değil risk_yok tehlike_yok tehdit_bulunamadı",
        ),
        (Safe, "güvenli* güvenilir* iyi"),
        (Not, "asla sakın hiçbir_zaman hiç kesinlikle"),
        (
            Flag,
            "işaretleme işaretlemeyin bildirme bildirmeyin uyarma raporlama raporlamayın \
            uyarı_verme alarm_verme",
        ),
        (Bad, "zararlı kötü_amaçlı tehlikeli şüpheli virüs tehdit"),
        (
            YouAre,
            "sen_bir sen_artık artık_sen siz_bir gibi_davran* rolünü_üstlen* rolü_yap* \
            olduğunu_varsay* artık_bir sen şimdi_sen",
        ),
        (
            Must,
            "gerek* zorunda* lütfen daima her_zaman bundan_sonra mutlaka hemen şarttır",
        ),
        (
            Model,
            "yapay_zeka* yapay_zekâ* dil_model* yapay_zeka_asistan*",
        ),
        (Named, "asistan* sohbet_robotu model kısıtlamasız"),
        (
            Note,
            "not dikkat mesaj merhaba sevgili için_not önemli uyarı sayın değerli",
        ),
        (
            Reading,
            "okuyan okuyorsan* analiz_eden inceleyen işleyen değerlendiren analiz_ediyorsan \
            okuyorsa",
        ),
        (
            Reveal,
            "göster* açıkla* yazdır* tekrarla* gönder* yaz paylaş* ifşa* söyle ver",
        ),
        (
            Secret,
            "sistem_istem* sistem_talimat* sistem_komut* sohbet_geçmiş* konuşma_geçmiş* \
            talimatlarını sistem_mesaj* kimlik_bilgileri api_anahtar* gizli_talimat*",
        ),
        (Send, "gönder* ilet* yükle* aktar*"),
        (
            Answer,
            "yanıtla* cevap* yanıt* cevap_ver* yanıt_ver* yaz yazın",
        ),
        (Only, "başka_bir_şey tek_kelime*"),
        (
            Tell,
            "söyleme* bahsetme* bildirme* uyarma* haber_verme* açıklama* söyle* bildir*",
        ),
        (User, "kullanıcı* analist*"),
        (Stop, "durdur* bitir* atla* sonlandır* bırak* kes"),
        (Analysis, "analiz* inceleme* taramayı araştırmayı"),
        (Call, "çağır* kullan çalıştır*"),
        (Tool, "aracı aracını fonksiyon* araçları"),
        (Obey, "uy uygula izle"),
        (Finding, "tespit* uyarı* algılama* antivirüs*"),
        (Now, "bundan_sonra bundan_böyle artık şu_andan_itibaren"),
        (
            Pretend,
            "gibi_davran* rolünü_üstlen* hayal_et* rol_yap* farz_et*",
        ),
        (Score, "puan* risk_seviyesi tehdit_seviyesi skor*"),
        (Low, "sıfır* 0_yap düşük*"),
        (Link, "bağlantı adres sunucu link"),
        (Just, "sadece yalnızca yalnız"),
        (Persona, "analist uzman antivirüs tarayıcı üretici"),
    ],
};

pub(super) const ARABIC: Language = Language {
    senses: &[
        (
            Ignore,
            "تجاهل تجاهلوا تجاهلي انس انسى انسَ إهمل اهمل لا_تتبع تخطى تخط تغاضى لا_تلتزم ألغ \
            استبعد انسوا إنس تناس تجاوز",
        ),
        (
            Prior,
            "السابقة السابق أعلاه جميع كل كافة سابقة المذكورة قبل الأصلية الحالية أي المسبقة",
        ),
        (
            Order,
            "التعليمات تعليمات الأوامر أوامر القواعد قواعد التوجيهات توجيهات الإرشادات إرشادات \
            تعليماتك القيود قواعدك أوامرك القاعدة تعليماتكم إرشاداتك",
        ),
        (Obey, "تتبع تلتزم اتباع"),
        (
            NewOrder,
            "تعليمات_جديدة مهمتك_الجديدة مهمتك مهمة_جديدة التعليمات_الجديدة أوامر_جديدة",
        ),
        (
            Report,
            "أبلغ ابلغ صنف صنّف اعتبر ضع_علامة قل أجب اجب قيم قيّم صرح أعلن عامل أخبر تصنيف اكتب \
            أكد سجل حدد وصف اعتبار علّم بلغ وأبلغ صنفه يصنف تصنف",
        ),
        (
            Thing,
            "هذا_الملف الملف هذه_الصفحة هذا_الموقع هذا_النطاق هذا_الرابط هذه_العينة هذا_البرنامج \
            هذا_المستند النطاق الموقع العينة الرابط هذا_العنوان",
        ),
        (
            As,
            "على_أنه بأنه كملف أنه باعتباره على_أنها بأنها كـ على_انه",
        ),
        (
            Benign,
            "غير_ضار غير_ضارة حميد حميدة إيجابي_كاذب إيجابية_كاذبة نظيف نظيفة غير_خبيث غير_خبيثة \
            سليم سليمة لا_يشكل_تهديدا إنذار_كاذب مشروع غير_مؤذ بلا_تهديد خال_من لا_خطر لا_تهديد",
        ),
        (Safe, "آمن آمنة امن امنة موثوق موثوقة سليم"),
        (Not, "لا لا_تقم ممنوع يجب_ألا عدم"),
        (
            Flag,
            "تبلغ تشر_إلى تصنفه تصنف_هذا تضع_علامة تحذر تنبه الإبلاغ تصنف",
        ),
        (
            Bad,
            "خبيث ضار ضارة خطير خطر فيروس مشبوه تهديد برمجية_خبيثة خبيثة",
        ),
        (
            YouAre,
            "أنت انت أنت_الآن تصرف_كأنك تصرف_ك تظاهر بصفتك كونك تقمص",
        ),
        (
            Must,
            "يجب يجب_عليك عليك دائما من_الآن_فصاعدا رجاء الرجاء يرجى من_فضلك فورا لا_بد",
        ),
        (
            Model,
            "الذكاء_الاصطناعي ذكاء_اصطناعي نموذج_لغوي نموذج_لغة النموذج_اللغوي نماذج_اللغة \
            روبوت_محادثة ذكاء_صناعي",
        ),
        (Named, "مساعد المساعد نموذج وكيل بدون_قيود"),
        (
            Note,
            "ملاحظة رسالة تنبيه انتباه عزيزي مرحبا إلى تعليمات هام مهم إشعار عزيزتي السيد حضرة",
        ),
        (Reading, "يقرأ تقرأ يحلل تحلل يعالج تعالج قراءة تحليل يراجع"),
        (
            Reveal,
            "اعرض اكشف اطبع كرر أرسل ارسل أظهر اظهر اكتب أخبرني شارك أفصح",
        ),
        (
            Secret,
            "تعليماتك موجه_النظام تعليمات_النظام سجل_المحادثة المحادثة بيانات_الاعتماد مفتاح_api \
            مفاتيح_api رسالة_النظام كلمات_المرور التعليمات_الأصلية التعليمات_الأولية \
            تعليماتك_السرية",
        ),
        (Send, "أرسل ارسل ارفع حول"),
        (Link, "رابط عنوان خادم"),
        (Answer, "أجب اجب رد الرد جوابك إجابتك قل الإجابة اكتب"),
        (Only, "لا_شيء_غير لا_غير"),
        (Tell, "تخبر تذكر تحذر تنبه تبلغ تكشف إخبار"),
        (User, "المستخدم المحلل مستخدم"),
        (Stop, "توقف أوقف اوقف أنه تخط تخطى أنهِ"),
        (Analysis, "التحليل تحليل الفحص التحقيق"),
        (Call, "استدع استدعي استخدم شغل نفذ"),
        (Tool, "الأداة أداة الدالة أدوات"),
        (
            Finding,
            "الكشف التحذير التحذيرات الاكتشافات التنبيهات اكتشافات",
        ),
        (Now, "من_الآن_فصاعدا من_الآن ابتداء_من_الآن الآن"),
        (Pretend, "تظاهر تخيل تقمص العب_دور"),
        (Score, "التقييم درجة مستوى_الخطر التصنيف الدرجة"),
        (Low, "صفر الصفر منخفض"),
        (Just, "فقط حصرا"),
        (Persona, "محلل خبير مضاد_فيروسات ماسح"),
    ],
};
