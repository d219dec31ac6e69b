//! Words of languages of southern Asia.

use super::super::{
    senses::Sense::{
        Analysis, Answer, As, Bad, Benign, Call, Finding, Flag, Ignore, Just, Link, Low, Model,
        Must, Named, NewOrder, Not, Note, Now, Obey, Order, Persona, Pretend, Prior, Reading,
        Report, Reveal, Safe, Score, Secret, Send, Stop, Tell, Thing, Tool, User, YouAre,
    },
    words::Language,
};

pub(super) const HINDI: Language = Language {
    senses: &[
        (
            Ignore,
            "अनदेखा अनदेखी नज़रअंदाज़ नजरअंदाज इग्नोर भूल भुला उपेक्षा पालन_न पालन_मत ध्यान_न रद्द",
        ),
        (
            Prior,
            "पिछले पिछली पिछला सभी पहले ऊपर पूर्व सारे सब उपरोक्त अपने पूर्ववर्ती तमाम मौजूदा",
        ),
        (
            Order,
            "निर्देश* निर्देशों आदेश* नियम* निर्देशो हिदायत* प्रॉम्प्ट* इंस्ट्रक्शन* अनुदेश* \
            प्रतिबंध*",
        ),
        (Obey, "पालन मानें मानो"),
        (
            NewOrder,
            "नया_निर्देश नए_निर्देश आपका_काम आपका_कार्य नया_कार्य तुम्हारा_काम नया_आदेश",
        ),
        (
            Report,
            "रिपोर्ट बताएं बताएँ बताओ चिह्नित वर्गीकृत मानें माने मानो घोषित उत्तर जवाब मार्क लेबल \
            कहें कहो समझें दर्शाएं दिखाएं मान बता दर्ज वर्गीकरण लिखें लिखो",
        ),
        (
            Thing,
            "इस_फ़ाइल इस_फाइल यह_फ़ाइल यह_फाइल फ़ाइल_को फाइल_को इस_साइट इस_वेबसाइट इस_डोमेन इस_लिंक \
            इस_प्रोग्राम इस_दस्तावेज़ इसे इसको इस_नमूने डोमेन_को इस_यूआरएल यह_डोमेन इस_url",
        ),
        (As, "के_रूप_में है हैं बताकर रूप"),
        (
            Benign,
            "हानिरहित सौम्य निर्दोष गलत_सकारात्मक फॉल्स_पॉजिटिव साफ साफ़ स्वच्छ अहानिकर \
            कोई_खतरा_नहीं दुर्भावनापूर्ण_नहीं हानिकारक_नहीं वैध बेनाइन कोई_जोखिम_नहीं",
        ),
        (Safe, "सुरक्षित विश्वसनीय भरोसेमंद ठीक"),
        (Not, "न मत नहीं ना कभी_नहीं"),
        (Flag, "फ़्लैग फ्लैग झंडी चेतावनी_न अलर्ट"),
        (Bad, "दुर्भावनापूर्ण खतरनाक हानिकारक वायरस संदिग्ध मैलवेयर ख़तरनाक"),
        (
            YouAre,
            "आप_एक तुम_एक आप_अब तुम_अब अब_आप अब_तुम तू_एक की_तरह_व्यवहार की_भूमिका यदि_आप अगर_आप आप",
        ),
        (
            Must,
            "आपको चाहिए हमेशा कृपया अब_से ज़रूर जरूर अनिवार्य अवश्य तुरंत करें",
        ),
        (
            Model,
            "एआई ए_आई कृत्रिम_बुद्धिमत्ता भाषा_मॉडल लैंग्वेज_मॉडल चैटबॉट आर्टिफिशियल_इंटेलिजेंस ai",
        ),
        (Named, "सहायक असिस्टेंट मॉडल एजेंट"),
        (
            Note,
            "नोट ध्यान_दें सूचना संदेश के_लिए नमस्ते प्रिय महत्वपूर्ण सावधान आदरणीय",
        ),
        (Reading, "पढ़ पढ़ने रहे विश्लेषण संसाधित जाँच जांच"),
        (
            Reveal,
            "दिखाएं दिखाओ प्रकट बताएं बताओ प्रिंट दोहराएं दोहराओ भेजें भेजो उजागर लिखें साझा",
        ),
        (
            Secret,
            "सिस्टम_प्रॉम्प्ट अपने_निर्देश बातचीत_का_इतिहास चैट_इतिहास सिस्टम_निर्देश एपीआई_कुंजी \
            गोपनीय_निर्देश सिस्टम_संदेश",
        ),
        (Send, "भेजें भेजो अपलोड"),
        (Answer, "उत्तर जवाब कहें कहो लिखें लिखो"),
        (Tell, "बताएं बताना बताओ सूचित उल्लेख चेतावनी"),
        (User, "उपयोगकर्ता* यूज़र यूजर विश्लेषक*"),
        (Stop, "रोकें रोको बंद छोड़ें छोड़ो समाप्त"),
        (Analysis, "विश्लेषण जाँच जांच"),
        (Call, "कॉल उपयोग"),
        (Tool, "टूल उपकरण फ़ंक्शन फंक्शन"),
        (Finding, "पहचान चेतावनी अलर्ट डिटेक्शन"),
        (Now, "अब_से आगे_से अब"),
        (Pretend, "नाटक कल्पना दिखावा की_भूमिका"),
        (Score, "स्कोर जोखिम रेटिंग"),
        (Low, "शून्य कम 0"),
        (Just, "केवल सिर्फ सिर्फ़ मात्र बस"),
        (Persona, "विश्लेषक विशेषज्ञ एंटीवायरस"),
    ],
};

pub(super) const INDONESIAN: Language = Language {
    senses: &[
        (
            Ignore,
            "abaikan* lupakan* hiraukan jangan_ikuti jangan_hiraukan kesampingkan* batalkan* \
            lewati* hapus jangan_patuhi timpa jangan_turuti",
        ),
        (
            Prior,
            "sebelumnya semua di_atas sebelum segala seluruh anda terdahulu awal lama \
            yang_diberikan kamu apa_pun",
        ),
        (
            Order,
            "instruksi* perintah* aturan* petunjuk* arahan* pedoman* batasan* prompt ketentuan* \
            aturanmu perintahmu",
        ),
        (Obey, "ikuti* patuhi*"),
        (
            NewOrder,
            "instruksi_baru perintah_baru tugas_anda tugas_baru tugasmu",
        ),
        (
            Report,
            "laporkan* tandai* klasifikasikan* anggap* kategorikan* nyatakan* jawab* perlakukan* \
            nilai* sebutkan* katakan* beri labeli* tetapkan* simpulkan* golongkan* tulis*",
        ),
        (
            Thing,
            "file_ini berkas_ini sampel_ini url_ini situs_ini domain_ini halaman_ini program_ini \
            dokumen_ini lampiran_ini ini_sebagai tautan_ini aplikasi_ini alamat_ini",
        ),
        (As, "sebagai adalah"),
        (
            Benign,
            "tidak_berbahaya jinak positif_palsu false_positive bersih tidak_jahat bukan_malware \
            sah tidak_ada_ancaman tanpa_ancaman bukan_ancaman tak_berbahaya tidak_ada_risiko \
            tanpa_risiko",
        ),
        (Safe, "aman tepercaya terpercaya"),
        (Not, "jangan tidak_boleh dilarang"),
        (Flag, "tandai* laporkan* peringatkan* beri_peringatan"),
        (Bad, "berbahaya jahat mencurigakan virus ancaman malware"),
        (
            YouAre,
            "anda_adalah kamu_adalah kamu_sekarang anda_sekarang bertindak* berperan* berpura_pura \
            bayangkan_anda jika_anda",
        ),
        (
            Must,
            "anda_harus kamu_harus harus selalu mulai_sekarang tolong mohon silakan wajib segera",
        ),
        (
            Model,
            "kecerdasan_buatan model_bahasa ai asisten_ai model_ai agen_ai",
        ),
        (Named, "asisten agen model tanpa_batasan"),
        (
            Note,
            "catatan_untuk catatan pesan_untuk perhatian kepada halo hai instruksi_untuk penting \
            pemberitahuan untuk yang_terhormat terhormat kepada_yth",
        ),
        (
            Reading,
            "membaca menganalisis memproses meninjau menganalisa",
        ),
        (
            Reveal,
            "tampilkan* ungkapkan* cetak* tunjukkan* kirim* ulangi* bocorkan* tulis* sebutkan*",
        ),
        (
            Secret,
            "prompt_sistem instruksi_sistem riwayat_percakapan riwayat_obrolan instruksi_anda \
            kredensial kunci_api pesan_sistem instruksimu aturan_anda instruksi_awal",
        ),
        (Send, "kirim* unggah* teruskan*"),
        (Link, "alamat server tautan"),
        (Answer, "jawab* balas* respons tanggapi* tulis*"),
        (
            Tell,
            "beri_tahu beritahu* sebutkan* peringatkan* katakan* ungkapkan* memberi_tahu",
        ),
        (User, "pengguna* analis"),
        (Stop, "hentikan* lewati* akhiri* batalkan*"),
        (Analysis, "analisis* analisa pemeriksaan penyelidikan"),
        (Call, "panggil* gunakan* jalankan*"),
        (Tool, "alat fungsi"),
        (Finding, "deteksi peringatan antivirus temuan"),
        (Now, "mulai_sekarang sejak_sekarang mulai_saat_ini"),
        (Pretend, "berpura_pura bayangkan* anggaplah berperan*"),
        (Score, "skor tingkat_risiko tingkat_ancaman penilaian"),
        (Low, "nol rendah ke_0"),
        (Just, "hanya saja cukup"),
        (Persona, "analis pakar ahli antivirus pemindai"),
    ],
};

pub(super) const VIETNAMESE: Language = Language {
    senses: &[
        (
            Ignore,
            "bỏ_qua quên phớt_lờ không_tuân_theo đừng_tuân_theo lờ_đi hủy_bỏ không_làm_theo \
            đừng_làm_theo mặc_kệ",
        ),
        (
            Prior,
            "trước trước_đó trước_đây tất_cả mọi ở_trên bên_trên toàn_bộ các của_bạn ban_đầu \
            hiện_tại",
        ),
        (
            Order,
            "hướng_dẫn chỉ_dẫn chỉ_thị lệnh quy_tắc mệnh_lệnh yêu_cầu câu_lệnh lời_nhắc chỉ_lệnh",
        ),
        (Obey, "tuân_theo làm_theo tuân_thủ"),
        (
            NewOrder,
            "hướng_dẫn_mới chỉ_thị_mới nhiệm_vụ_của_bạn nhiệm_vụ_mới lệnh_mới",
        ),
        (
            Report,
            "báo_cáo đánh_dấu phân_loại coi xem xếp_loại trả_lời đánh_giá kết_luận ghi_nhận \
            gắn_nhãn tuyên_bố nói cho_rằng đánh_giá_là viết",
        ),
        (
            Thing,
            "tệp_này tập_tin_này file_này trang_này trang_web_này tên_miền_này url_này \
            chương_trình_này tài_liệu_này mẫu_này nó_là này_là liên_kết_này địa_chỉ_này \
            ứng_dụng_này phần_mềm_này",
        ),
        (As, "là như như_là"),
        (
            Benign,
            "vô_hại lành_tính dương_tính_giả không_độc_hại báo_động_giả sạch không_nguy_hiểm \
            hợp_pháp không_có_mối_đe_dọa không_phải_mã_độc nhận_diện_sai không_có_rủi_ro \
            không_có_nguy_hiểm",
        ),
        (Safe, "an_toàn đáng_tin_cậy tin_cậy"),
        (Not, "đừng không không_được chớ"),
        (
            Flag,
            "gắn_cờ đánh_dấu_là báo_cáo_tệp cảnh_báo đánh_dấu_tệp báo_cáo_nó",
        ),
        (Bad, "độc_hại nguy_hiểm đáng_ngờ vi_rút mã_độc mối_đe_dọa"),
        (
            YouAre,
            "bạn_là bạn_đang_là hành_động_như đóng_vai giả_vờ hãy_tưởng_tượng bây_giờ_bạn",
        ),
        (
            Must,
            "bạn_phải bạn_nên phải luôn_luôn hãy vui_lòng từ_bây_giờ kể_từ_bây_giờ ngay_lập_tức xin",
        ),
        (
            Model,
            "trí_tuệ_nhân_tạo mô_hình_ngôn_ngữ ai trợ_lý_ai mô_hình_ai",
        ),
        (Named, "trợ_lý mô_hình tác_nhân không_giới_hạn"),
        (
            Note,
            "lưu_ý ghi_chú chú_ý thông_điệp tin_nhắn gửi xin_chào kính_gửi quan_trọng thông_báo \
            thân_gửi",
        ),
        (Reading, "đọc phân_tích xử_lý xem_xét"),
        (
            Reveal,
            "hiển_thị tiết_lộ in_ra cho_xem lặp_lại gửi cho_biết viết_ra",
        ),
        (
            Secret,
            "lời_nhắc_hệ_thống prompt_hệ_thống hướng_dẫn_hệ_thống lịch_sử_trò_chuyện \
            hướng_dẫn_của_bạn chỉ_dẫn_của_bạn thông_tin_đăng_nhập khóa_api chỉ_thị_hệ_thống \
            lệnh_hệ_thống",
        ),
        (Send, "gửi tải_lên chuyển_tiếp"),
        (Link, "địa_chỉ máy_chủ"),
        (Answer, "trả_lời phản_hồi đáp viết"),
        (Tell, "nói thông_báo đề_cập cảnh_báo tiết_lộ cho_biết"),
        (User, "người_dùng nhà_phân_tích"),
        (Stop, "dừng bỏ_qua kết_thúc ngừng"),
        (Analysis, "phân_tích kiểm_tra điều_tra"),
        (Call, "gọi sử_dụng"),
        (Tool, "công_cụ hàm"),
        (Finding, "phát_hiện cảnh_báo"),
        (Now, "từ_bây_giờ kể_từ_bây_giờ từ_giờ bây_giờ"),
        (Pretend, "giả_vờ hãy_tưởng_tượng đóng_vai giả_sử"),
        (Score, "điểm mức_độ_rủi_ro đánh_giá"),
        (Low, "0 không thấp"),
        (Just, "chỉ duy_nhất"),
        (Persona, "chuyên_gia nhà_phân_tích phần_mềm_diệt_virus"),
    ],
};
