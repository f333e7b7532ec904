//! Texts with markup: whether two mean the same, though one has its characters or its tags written otherwise.
//!
//! Lino cleans such texts when it saves them: letters become entities (`é`, `&eacute;`), `<br/>` becomes `<br>`, and a
//! text without tags becomes a paragraph. Words, tags and attributes must be the same; what is only similar differs.

/// Marks where a tag begins and ends, so that it is told from a `<` that belongs to the words.
const OPEN: char = '\u{1}';
const CLOSE: char = '\u{2}';

/// Tells whether `after` is `before` as Lino writes it when it saves it.
pub(super) fn same(before: &str, after: &str) -> bool {
    // Short of a look at every letter: texts without markup are what they are.
    if !after.contains(['<', '&']) || [before, after].iter().any(|text| text.contains([OPEN, CLOSE])) {
        return false;
    }
    let (before, after) = (plain(before), plain(after));
    let paragraph = || after.strip_prefix("\u{1}p\u{2}")?.strip_suffix("\u{1}/p\u{2}");
    before == after || paragraph() == Some(&before)
}

/// Writes a text with its entities as letters and its tags without the superfluous.
fn plain(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text.trim();
    while let Some(at) = rest.find('<') {
        let (words, tag) = rest.split_at(at);
        letters(words, &mut written);
        let Some(end) = tag.find('>') else {
            rest = tag;
            break;
        };
        let (inner, behind) = (tag.get(1..end).unwrap_or_default(), tag.get(end + 1..).unwrap_or_default());
        written.push(OPEN);
        letters(inner.strip_suffix('/').unwrap_or(inner).trim_end(), &mut written);
        written.push(CLOSE);
        rest = behind;
    }
    letters(rest, &mut written);
    written
}

/// Adds a text with its entities as letters.
fn letters(text: &str, written: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, entity) = rest.split_at(at);
        written.push_str(before);
        let known = entity.find(';').and_then(|end| Some((end, letter(entity.get(1..end)?)?)));
        let length = if let Some((end, letter)) = known {
            written.push(letter);
            end + 1
        } else {
            written.push('&');
            1
        };
        rest = entity.get(length..).unwrap_or_default();
    }
    written.push_str(rest);
}

fn letter(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    let found = ENTITIES.binary_search_by_key(&name, |(known, _)| known).ok()?;
    ENTITIES.get(found).map(|(_, letter)| *letter)
}

/// The entities of HTML 4, by name (W3C HTML 4.01, section 24; `lang` and `rang` as in HTML 5).
#[rustfmt::skip]
const ENTITIES: [(&str, char); 252] = [
    ("AElig", 'Æ'), ("Aacute", 'Á'), ("Acirc", 'Â'), ("Agrave", 'À'), ("Alpha", 'Α'), ("Aring", 'Å'),
    ("Atilde", 'Ã'), ("Auml", 'Ä'), ("Beta", 'Β'), ("Ccedil", 'Ç'), ("Chi", 'Χ'), ("Dagger", '‡'), ("Delta", 'Δ'),
    ("ETH", 'Ð'), ("Eacute", 'É'), ("Ecirc", 'Ê'), ("Egrave", 'È'), ("Epsilon", 'Ε'), ("Eta", 'Η'), ("Euml", 'Ë'),
    ("Gamma", 'Γ'), ("Iacute", 'Í'), ("Icirc", 'Î'), ("Igrave", 'Ì'), ("Iota", 'Ι'), ("Iuml", 'Ï'), ("Kappa", 'Κ'),
    ("Lambda", 'Λ'), ("Mu", 'Μ'), ("Ntilde", 'Ñ'), ("Nu", 'Ν'), ("OElig", 'Œ'), ("Oacute", 'Ó'), ("Ocirc", 'Ô'),
    ("Ograve", 'Ò'), ("Omega", 'Ω'), ("Omicron", 'Ο'), ("Oslash", 'Ø'), ("Otilde", 'Õ'), ("Ouml", 'Ö'), ("Phi", 'Φ'),
    ("Pi", 'Π'), ("Prime", '″'), ("Psi", 'Ψ'), ("Rho", 'Ρ'), ("Scaron", 'Š'), ("Sigma", 'Σ'), ("THORN", 'Þ'),
    ("Tau", 'Τ'), ("Theta", 'Θ'), ("Uacute", 'Ú'), ("Ucirc", 'Û'), ("Ugrave", 'Ù'), ("Upsilon", 'Υ'), ("Uuml", 'Ü'),
    ("Xi", 'Ξ'), ("Yacute", 'Ý'), ("Yuml", 'Ÿ'), ("Zeta", 'Ζ'), ("aacute", 'á'), ("acirc", 'â'), ("acute", '´'),
    ("aelig", 'æ'), ("agrave", 'à'), ("alefsym", 'ℵ'), ("alpha", 'α'), ("amp", '&'), ("and", '∧'), ("ang", '∠'),
    ("aring", 'å'), ("asymp", '≈'), ("atilde", 'ã'), ("auml", 'ä'), ("bdquo", '„'), ("beta", 'β'), ("brvbar", '¦'),
    ("bull", '•'), ("cap", '∩'), ("ccedil", 'ç'), ("cedil", '¸'), ("cent", '¢'), ("chi", 'χ'), ("circ", 'ˆ'),
    ("clubs", '♣'), ("cong", '≅'), ("copy", '©'), ("crarr", '↵'), ("cup", '∪'), ("curren", '¤'), ("dArr", '⇓'),
    ("dagger", '†'), ("darr", '↓'), ("deg", '°'), ("delta", 'δ'), ("diams", '♦'), ("divide", '÷'), ("eacute", 'é'),
    ("ecirc", 'ê'), ("egrave", 'è'), ("empty", '∅'), ("emsp", '\u{2003}'), ("ensp", '\u{2002}'), ("epsilon", 'ε'),
    ("equiv", '≡'), ("eta", 'η'), ("eth", 'ð'), ("euml", 'ë'), ("euro", '€'), ("exist", '∃'), ("fnof", 'ƒ'),
    ("forall", '∀'), ("frac12", '½'), ("frac14", '¼'), ("frac34", '¾'), ("frasl", '⁄'), ("gamma", 'γ'), ("ge", '≥'),
    ("gt", '>'), ("hArr", '⇔'), ("harr", '↔'), ("hearts", '♥'), ("hellip", '…'), ("iacute", 'í'), ("icirc", 'î'),
    ("iexcl", '¡'), ("igrave", 'ì'), ("image", 'ℑ'), ("infin", '∞'), ("int", '∫'), ("iota", 'ι'), ("iquest", '¿'),
    ("isin", '∈'), ("iuml", 'ï'), ("kappa", 'κ'), ("lArr", '⇐'), ("lambda", 'λ'), ("lang", '\u{27e8}'), ("laquo", '«'),
    ("larr", '←'), ("lceil", '⌈'), ("ldquo", '“'), ("le", '≤'), ("lfloor", '⌊'), ("lowast", '∗'), ("loz", '◊'),
    ("lrm", '\u{200e}'), ("lsaquo", '‹'), ("lsquo", '‘'), ("lt", '<'), ("macr", '¯'), ("mdash", '—'), ("micro", 'µ'),
    ("middot", '·'), ("minus", '−'), ("mu", 'μ'), ("nabla", '∇'), ("nbsp", '\u{a0}'), ("ndash", '–'), ("ne", '≠'),
    ("ni", '∋'), ("not", '¬'), ("notin", '∉'), ("nsub", '⊄'), ("ntilde", 'ñ'), ("nu", 'ν'), ("oacute", 'ó'),
    ("ocirc", 'ô'), ("oelig", 'œ'), ("ograve", 'ò'), ("oline", '‾'), ("omega", 'ω'), ("omicron", 'ο'),
    ("oplus", '⊕'), ("or", '∨'), ("ordf", 'ª'), ("ordm", 'º'), ("oslash", 'ø'), ("otilde", 'õ'), ("otimes", '⊗'),
    ("ouml", 'ö'), ("para", '¶'), ("part", '∂'), ("permil", '‰'), ("perp", '⊥'), ("phi", 'φ'), ("pi", 'π'),
    ("piv", 'ϖ'), ("plusmn", '±'), ("pound", '£'), ("prime", '′'), ("prod", '∏'), ("prop", '∝'), ("psi", 'ψ'),
    ("quot", '"'), ("rArr", '⇒'), ("radic", '√'), ("rang", '\u{27e9}'), ("raquo", '»'), ("rarr", '→'), ("rceil", '⌉'),
    ("rdquo", '”'), ("real", 'ℜ'), ("reg", '®'), ("rfloor", '⌋'), ("rho", 'ρ'), ("rlm", '\u{200f}'), ("rsaquo", '›'),
    ("rsquo", '’'), ("sbquo", '‚'), ("scaron", 'š'), ("sdot", '⋅'), ("sect", '§'), ("shy", '\u{ad}'), ("sigma", 'σ'),
    ("sigmaf", 'ς'), ("sim", '∼'), ("spades", '♠'), ("sub", '⊂'), ("sube", '⊆'), ("sum", '∑'), ("sup", '⊃'),
    ("sup1", '¹'), ("sup2", '²'), ("sup3", '³'), ("supe", '⊇'), ("szlig", 'ß'), ("tau", 'τ'), ("there4", '∴'),
    ("theta", 'θ'), ("thetasym", 'ϑ'), ("thinsp", '\u{2009}'), ("thorn", 'þ'), ("tilde", '˜'), ("times", '×'),
    ("trade", '™'), ("uArr", '⇑'), ("uacute", 'ú'), ("uarr", '↑'), ("ucirc", 'û'), ("ugrave", 'ù'), ("uml", '¨'),
    ("upsih", 'ϒ'), ("upsilon", 'υ'), ("uuml", 'ü'), ("weierp", '℘'), ("xi", 'ξ'), ("yacute", 'ý'), ("yen", '¥'),
    ("yuml", 'ÿ'), ("zeta", 'ζ'), ("zwj", '\u{200d}'), ("zwnj", '\u{200c}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lino_writes_otherwise_is_the_same() {
        let cases = [
            ("See [ticket 1].", "<p>See [ticket 1].</p>"),
            ("<p>\u{a0}Ünï &amp; <br/>x<br /></p>", "<p>&nbsp;&Uuml;n&iuml; &amp; <br>x<br></p>"),
            ("<a href=\"x?a=1&amp;b=é\">l</a>", "<a href=\"x?a=1&amp;b=&eacute;\">l</a>"),
            ("<p>it's &lt;b&gt;</p>\n", "<p>it&#39;s &#x3c;b&gt;</p>"),
        ];
        for (before, after) in cases {
            assert!(same(before, after), "{before} {after}");
        }
    }

    #[test]
    fn other_words_tags_or_attributes_are_a_change() {
        let cases = [
            ("a", "b"),
            ("a", "<p>b</p>"),
            ("é", "<p>&egrave;</p>"),
            ("<b>a</b>", "<i>a</i>"),
            ("<a href=\"x\">l</a>", "<a>l</a>"),
            ("<b>a</b>", "&lt;b&gt;a&lt;/b&gt;"),
            ("<p>a</p>", "a"),
            ("&nope;", "<p>nope</p>"),
            ("a < b", "<p>a"),
        ];
        for (before, after) in cases {
            assert!(!same(before, after), "{before} {after}");
        }
    }

    #[test]
    fn the_entities_are_in_order() {
        assert!(ENTITIES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
