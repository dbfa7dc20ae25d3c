package main

import (
	"math"
	"strings"
	"testing"

	"github.com/riskkit/riskkit/risk"
)

// small are incidents in several scripts, with words of one letter, numbers
// that are not digits, and the letters that Python lower-cases in its own way.
var small = map[string][]string{
	"low": {
		"A typo on the help page, nobody was affected",
		"Typo in the newsletter; fixed within the hour",
		"The logo is blurred on the help page",
		"Colours of the button are wrong, colours only, colours",
		"Ein Tippfehler auf der Übersichtsseite",
		"Небольшая опечатка на странице помощи",
		"ΜΙΚΡΟΣ ΛΟΓΟΣ για ένα λάθος στη σελίδα",
		"Le café du 2e étage n'a plus de sucre",
		"İzmir ofisinde küçük bir yazım hatası",
		"Printer_4 is out of paper again",
		"页面上有一个错别字",
		"A link to the terms of use is old",
	},
	"medium": {
		"Search is slow, customers wait 10 seconds for results",
		"Some customers cannot sign in with old passwords",
		"Search results are wrong for some customers",
		"Mails are late by two hours, two hours at most",
		"Die Suche ist langsam, Kunden warten",
		"Поиск работает медленно, клиенты ждут",
		"Η ΑΝΑΖΗΤΗΣΗ ΕΙΝΑΙ ΑΡΓΗ, ΟΙ ΠΕΛΑΤΕΣ ΠΕΡΙΜΕΝΟΥΝ",
		"La recherche est lente, les clients attendent",
		"İSTANBUL'da arama yavaş, müşteriler bekliyor",
		"Report_7 takes 3½ hours instead of ⅓ of one",
		"搜索很慢 客户在等待",
		"Orders from the app show up twice, twice each",
	},
	"high": {
		"Customer data exposed: addresses were shown to others",
		"Payments are down, all payments fail since noon",
		"An attacker reads passwords through the portal",
		"Remote attackers gain root access by a long password",
		"Kundendaten offengelegt, Zahlungen gestört",
		"Данные клиентов раскрыты, платежи не проходят",
		"ΔΙΑΡΡΟΗ ΔΕΔΟΜΕΝΩΝ: ΟΙ ΚΩΔΙΚΟΣ ΕΙΝΑΙ ΕΚΤΕΘΕΙΜΕΝΟΣ",
		"Données exposées, l'accès root est à tous",
		"İNTERNETTE müşteri verileri açığa çıktı",
		"Payments_v2 lost 5 of 10 orders, data lost, data lost",
		"客户数据泄露 支付中断",
		"Root access for all customers, passwords exposed",
	},
}

// odd are texts that read unlike others.
var odd = []string{
	"", " ", "a", "a b c", "data", "unknown words only",
	"DATA data Data payments-down payments_down payments\x00down",
	"\xff\xfedata\x80 lost \xc3", "İ", "İİzmir İSTANBUL i̇stanbul", "ΛΟΓΟΣ λόγος ΛΟΓΟΣ'Α ΛΟΓΟΣ. Σ ΑΣ Σ́ ΣΑ",
	"ⅠⅡⅢ ½⅓ ٣٤ 12 Ａｂｃ ǅ ﬁn ß ẞ", "cafe\u0301 café K Å", "搜索很慢 客户 数据泄露",
	strings.Repeat("payments are down, ", 40),
}

// FuzzReference holds the probabilities of a Model against those of the
// reference, on any text.
func FuzzReference(f *testing.F) {
	var x examples
	for rank, level := range risk.DefaultScale() {
		for _, s := range small[level] {
			x.texts, x.y = append(x.texts, s), append(x.y, rank)
			f.Add(s)
		}
	}
	for _, s := range odd {
		f.Add(s)
	}
	bigram := configs[1]
	bigram.features.MinDF = 1
	type pair struct {
		model *risk.Model
		ref   *reference
	}
	var pairs []pair
	for _, c := range []config{configs[0], bigram} {
		v, classifier, _, err := c.train(f.Context(), x)
		if err != nil {
			f.Fatal(err)
		}
		m, err := risk.NewModel(risk.ModelConfig{Features: v, Classifier: classifier, Thresholds: []float64{0.3, 0.7}})
		if err != nil {
			f.Fatal(err)
		}
		pairs = append(pairs, pair{m, newReference(v, classifier)})
	}
	f.Fuzz(func(t *testing.T, s string) {
		for i, p := range pairs {
			a, err := p.model.Score(t.Context(), risk.Document{Text: s})
			if err != nil {
				t.Fatal(err)
			}
			want := p.ref.proba(s)
			for k, level := range risk.DefaultScale() {
				if got := a.Probabilities.Of(level); !(math.Abs(got-want[k]) <= 1e-9) {
					t.Errorf("model %d gives %q for %q the probability %v, the reference %v", i, s, level, got, want[k])
				}
			}
		}
	})
}

// TestReference has the words that Python's re.findall(r"(?u)\b\w\w+\b",
// text.lower()) finds.
func TestReference(t *testing.T) {
	for text, want := range map[string]string{
		"A typo, nobody_1 AFFECTED":  "typo|nobody_1|affected",
		"İzmir ofisinde":             "zmir|ofisinde",
		"ΛΟΓΟΣ ΛΟΓΟΣ'Α ΛΟΓΟΣ. Σ ΑΣΑ": "λογος|λογοσ|λογος|ασα",
		"3½ Ａｂ cafe\u0301 12":        "3½|ａｂ|cafe|12",
		"\xffab\xffc":                "ab",
	} {
		var got []string
		for _, w := range words(text) {
			got = append(got, string(w))
		}
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%q has the words %q, want %q", text, s, want)
		}
	}
}
