package oauth2

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func parsed(t *testing.T, body string) Document {
	t.Helper()
	d, err := ParseDocument([]byte(body))
	if err != nil {
		t.Fatalf("ParseDocument(%s): %v", body, err)
	}
	return d
}

func TestParseDocument(t *testing.T) {
	for _, body := range []string{"", "null", "[]", "7", `"x"`, "{", "{}{}", "<html>", `{"a":}`} {
		if d, err := ParseDocument([]byte(body)); err == nil || d != nil {
			t.Errorf("ParseDocument(%q) = %v, %v", body, d, err)
		}
	}
	d := parsed(t, `{"Name":"other","name":"own"}`)
	if got := d.Raw("name"); got != "own" {
		t.Errorf("members are found by %q, want their exact names", got)
	}
}

func TestDocumentID(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"a string", `"abc"`, "abc"},
		{"an integer", `12`, "12"},
		{"the first integer that a float64 cannot hold", `9007199254740993`, "9007199254740993"},
		{"a longer integer", `123456789012345678901234567890`, "123456789012345678901234567890"},
		{"a negative integer", `-7`, "-7"},
		{"zero", `0`, "0"},
		{"digits in quotes", `"007"`, "007"},
		{"a fraction", `1.0`, ""},
		{"an exponent", `1e3`, ""},
		{"a boolean", `true`, ""},
		{"null", `null`, ""},
		{"an object", `{}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := parsed(t, `{"id":`+tt.value+`}`).ID("id"); got != tt.want {
				t.Errorf("ID = %q, want %q", got, tt.want)
			}
		})
	}
	if got := Document(nil).ID("id"); got != "" {
		t.Errorf("ID of nothing = %q", got)
	}
}

func TestDocumentReaders(t *testing.T) {
	d := parsed(t, `{"yes":true,"text":"true","no":false,"one":1,"list":["a","b"],"single":"a","mixed":["a",1],
		"inner":{"x":"y"},"at":1700000000,"half":1700000000.9,"quoted":"1700000000","never":-1,"far":1e300}`)
	for name, want := range map[string]bool{"yes": true, "text": true, "no": false, "one": false, "none": false, "inner": false} {
		if got := d.Bool(name); got != want {
			t.Errorf("Bool(%s) = %t", name, got)
		}
	}
	for name, want := range map[string]string{"list": "a b", "single": "a", "mixed": "", "none": "", "inner": ""} {
		if got := strings.Join(d.Texts(name), " "); got != want {
			t.Errorf("Texts(%s) = %q", name, got)
		}
	}
	if got := d.Object("inner").Raw("x"); got != "y" {
		t.Errorf("Object = %q", got)
	}
	if got := d.Object("list").Object("deeper").Raw("x"); got != "" {
		t.Errorf("Object of nothing = %q", got)
	}
	for name, ok := range map[string]bool{"at": true, "half": true, "quoted": false, "never": false, "far": false, "none": false, "list": false} {
		got, is := d.Time(name)
		if is != ok || ok && !got.Equal(time.Unix(1700000000, 0)) {
			t.Errorf("Time(%s) = %v, %t", name, got, is)
		}
	}
}

func TestDocumentFailed(t *testing.T) {
	for value, want := range map[string]bool{
		`"invalid_grant"`: true, `-14019`: true, `{"message":"x"}`: true, `true`: true, `[]`: true,
		`null`: false, `false`: false, `0`: false, `""`: false,
	} {
		if got := parsed(t, `{"error":`+value+`}`).failed(); got != want {
			t.Errorf("error %s: failed = %t", value, got)
		}
	}
}

func TestClean(t *testing.T) {
	tests := []struct {
		name, text, want string
		limit            int
	}{
		{"plain text", "김민지", "김민지", 10},
		{"space around it", "  a b\t", "a b", 10},
		{"control characters", "a\x00b\r\nc\x7fd\u0085e", "abcde", 10},
		{"text that reorders what follows", "a\u202eb\u2066c\u200ed", "abcd", 10},
		{"line separators", "a\u2028b\u2029c", "abc", 10},
		{"bytes that are no UTF-8", "a\xff\xfeb", "ab", 10},
		{"joined emoji stay joined", "👩\u200d💻", "👩\u200d💻", 10},
		{"too many characters", "봉수대에서", "봉수대", 3},
		{"a cut before a space", "ab cd", "ab", 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Clean(tt.text, tt.limit); got != tt.want {
				t.Errorf("Clean = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCheckSubject(t *testing.T) {
	for subject, ok := range map[string]bool{
		"248289761001": true, "김민지": true, strings.Repeat("x", 255): true, "a b": true,
		"": false, " ": false, strings.Repeat("x", 256): false, "a\nb": false, "a\x00": false, "a\u0085": false,
		"a\xff": false, "a\ufffd": false,
	} {
		if err := CheckSubject(subject); (err == nil) != ok {
			t.Errorf("CheckSubject(%.20q) = %v, want ok %t", subject, err, ok)
		}
	}
}

func TestProfileValues(t *testing.T) {
	for in, want := range map[string]string{
		"minji@example.com": "minji@example.com", "a+b@example.co.kr": "a+b@example.co.kr", "김@예시.한국": "김@예시.한국",
		"": "", "minji": "", "@example.com": "", "minji@": "", "a@b@c": "", "a b@example.com": "", "a@example.com\n": "",
		"<a@example.com>": "", "a@example.com,b@example.com": "", strings.Repeat("a", 250) + "@b.kr": "",
	} {
		if got := Email(in); got != want {
			t.Errorf("Email(%.30q) = %q", in, got)
		}
	}
	for in, want := range map[string]string{
		"https://img.example/a.png": "https://img.example/a.png", "http://img.example/a.png": "", "javascript:alert(1)": "",
		"https://": "", "//img.example/a": "", "https://u:p@img.example/a": "", "https://img.example/\"a": "", "https://img.example/a b": "",
		"data:image/png;base64,AA": "", "https://img.example/" + strings.Repeat("a", 2048): "", "": "",
	} {
		if got := Picture(in); got != want {
			t.Errorf("Picture(%.40q) = %q", in, got)
		}
	}
	for in, want := range map[string]string{"ko": "ko", "ko-KR": "ko-KR", "ko_KR": "ko-KR", "zh-Hant-TW": "zh-Hant-TW", "": "", "k": "", "ko KR": "", "<b>": ""} {
		if got := Locale(in); got != want {
			t.Errorf("Locale(%q) = %q", in, got)
		}
	}
	for in, want := range map[string]string{
		"+82 10-1234-5678": "+821012345678", "+821012345678": "+821012345678", "+1 (650) 555-0100": "+16505550100",
		"010-1234-5678": "", "+0123456789": "", "+82": "", "+8210123456789012": "", "tel:+821012345678": "", "": "",
	} {
		if got := Phone(in); got != want {
			t.Errorf("Phone(%q) = %q", in, got)
		}
	}
}

func FuzzDocument(f *testing.F) {
	f.Add(`{"id":9007199254740993,"name":"김민지","email":"a@b.kr","error":"x","picture":"https://a.b/c"}`)
	f.Add(`{"id":"\ud800","name":"\u202e\u0000","error":{"code":7},"aud":["a",null]}`)
	f.Add(`{"id":1e400,"iat":1e400}`)
	f.Fuzz(func(t *testing.T, body string) {
		d, err := ParseDocument([]byte(body))
		if err != nil {
			return
		}
		for name := range d {
			text := d.Text(name, 20)
			if !utf8.ValidString(text) || utf8.RuneCountInString(text) > 20 || strings.ContainsFunc(text, unicode.IsControl) {
				t.Errorf("Text(%q) = %q", name, text)
			}
			if at, ok := d.Time(name); ok && (at.Year() < 1970 || at.Unix() > 1<<41) {
				t.Errorf("Time(%q) = %v", name, at)
			}
			if email := Email(d.Raw(name)); email != "" && (!strings.Contains(email, "@") || len(email) > 254) {
				t.Errorf("Email = %q", email)
			}
			if picture := Picture(d.Raw(name)); picture != "" && !strings.HasPrefix(strings.ToLower(picture), "https://") {
				t.Errorf("Picture = %q", picture)
			}
			_, _, _, _ = d.ID(name), d.Bool(name), d.Texts(name), d.Object(name)
		}
		if len(Answer{Document: d}.Code()) > 40 {
			t.Error("a code of more than 40 characters")
		}
	})
}
