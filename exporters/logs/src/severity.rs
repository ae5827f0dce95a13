//! The words before a message of PostgreSQL, in the languages of its message catalogs.

use crate::line::Field;

/// What a word before a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// A line begins with it: `LOG`, `ERROR`, … in English.
    Message(&'static str),
    /// It continues the line before; `None` for what is not kept.
    Part(Option<Field>),
}

/// What the word means in any language that PostgreSQL is translated to.
///
/// Where two languages disagree on a word, it is the more severe one.
pub fn severity(word: &str) -> Option<Severity> {
    let is_english = |(english, _): &&(&str, &str)| *english == word;
    let is_translated = |(_, words): &&(&str, &str)| words.split('|').any(|translated| translated == word);
    let (english, _) = WORDS.iter().find(is_english).or_else(|| WORDS.iter().rev().find(is_translated))?;
    Some(match *english {
        "DETAIL" => Severity::Part(Some(Field::Detail)),
        "HINT" => Severity::Part(Some(Field::Hint)),
        "QUERY" => Severity::Part(Some(Field::InternalQuery)),
        "CONTEXT" => Severity::Part(Some(Field::Context)),
        "STATEMENT" => Severity::Part(Some(Field::Query)),
        "LOCATION" | "BACKTRACE" => Severity::Part(None),
        english => Severity::Message(english),
    })
}

/// Every word there is.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    let translated = |words: &'static str| words.split('|').filter(|word| !word.is_empty());
    WORDS.iter().flat_map(move |(english, words)| std::iter::once(*english).chain(translated(words)))
}

/// English words and their translations; the parts first, then the severities in their order.
const WORDS: [(&str, &str); 15] = [
    (
        "DETAIL",
        "AYRINTI|DETALHE|DETALJ|DETALLE|DETIL|DETTAGLI|DÉTAIL|SZCZEGÓŁY|ВІДОМОСТІ|ПОДРОБНОСТИ|დეტალები\
        |詳情|詳細|详情|详细信息|상세정보",
    ),
    (
        "HINT",
        "ASTUCE|DICA|PETUNJUK|PODPOWIEDŹ|SUGGERIMENTO|TIPP|TIPS|İPUCU|ПОДСКАЗКА|УКАЗІВКА|მინიშნება|ヒント\
        |提示|힌트",
    ),
    ("QUERY", "ANFRAGE|CONSULTA|FRÅGA|REQUÊTE|SORGU|ZAPYTANIE|ЗАПИТ|ЗАПРОС|მოთხოვნა|問い合わせ|查詢|查询|쿼리"),
    (
        "CONTEXT",
        "CONTESTO|CONTEXTE|CONTEXTO|KONTEKS|KONTEKST|KONTEXT|ORTAM|ZUSAMMENHANG|КОНТЕКСТ|კონტექსტი|上下文\
        |文脈|내용",
    ),
    (
        "STATEMENT",
        "ANWEISUNG|COMANDO|INSTRUCTION|ISTRUZIONE|KOMUT|PERNYATAAN|SATS|SENTENCIA|WYRAŻENIE|ІНСТРУКЦІЯ\
        |ОПЕРАТОР|ოპერატორი|文|语句|陳述式|명령 구문",
    ),
    ("LOCATION", ""),
    ("BACKTRACE", "PILE D'APPEL|ВІДСТЕЖУВАТИ|СТЕК|სტეკი|バックトレース|回溯|역추적"),
    ("DEBUG", "DEPURAÇÃO|НАЛАГОДЖЕННЯ|ОТЛАДКА|გამართვა|调试|除錯|디버그"),
    ("LOG", "DZIENNIK|LOGG|ЗАПИСУВАННЯ|СООБЩЕНИЕ|ჟურნალი|日志|日誌|로그"),
    ("INFO", "BİLGİ|INFORMACJA|ІНФОРМАЦІЯ|ИНФОРМАЦИЯ|ინფორმაცია|信息|資訊|정보"),
    ("NOTICE", "HINWEIS|NOT|NOTA|NOTIFICA|NOTIS|UWAGA|ЗАМЕЧАНИЕ|ПОВІДОМЛЕННЯ|注意|알림"),
    (
        "WARNING",
        "ATTENTION|ATTENZIONE|AVISO|OSTRZEŻENIE|PERINGATAN|UYARI|VARNING|WARNUNG|ПОПЕРЕДЖЕННЯ\
        |ПРЕДУПРЕЖДЕНИЕ|გაფრთხილება|警告|경고",
    ),
    ("ERROR", "BŁĄD|ERREUR|ERRO|ERRORE|FEHLER|FEL|HATA|ОШИБКА|ПОМИЛКА|შეცდომა|錯誤|错误|오류"),
    ("FATAL", "FATALE|FATALT|KATASTROFALNY|ÖLÜMCÜL (FATAL)|ВАЖНО|ФАТАЛЬНО|ფატალური|致命錯誤|致命错误|치명적오류"),
    ("PANIC", "KRİTİK|PANICO|PANIK|PANIKA|PÂNICO|ПАНІКА|ПАНИКА|პანიკა|嚴重錯誤|比致命错误还过分的错误|灾难性错误|손상"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn translates_severities_and_parts() {
        assert_eq!(severity("FEHLER"), Some(Severity::Message("ERROR")));
        assert_eq!(severity("ERROR"), Some(Severity::Message("ERROR")));
        assert_eq!(severity("ANWEISUNG"), Some(Severity::Part(Some(Field::Query))));
        assert_eq!(severity("LOCATION"), Some(Severity::Part(None)));
        assert_eq!(severity("Other"), None);
    }
}
