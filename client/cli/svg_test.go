package cli

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"dht/client"
	"dht/configs"
	"dht/nodes/placement"
)

// drawn is what a test looks for in a chart.
type drawn struct {
	Role  string `xml:"role,attr"`
	Width string `xml:"width,attr"`
	Title string `xml:"title"`
	Desc  string `xml:"desc"`
	Style string `xml:"style"`
	Texts []struct {
		Class string `xml:"class,attr"`
		Text  string `xml:",chardata"`
	} `xml:"text"`
	Groups []struct {
		Title string `xml:"title"`
		Texts []struct {
			Text string   `xml:",chardata"`
			Span []string `xml:"tspan"`
		} `xml:"text"`
		Bar struct {
			Width string `xml:"width,attr"`
		} `xml:"rect"`
		Mark *struct {
			X string `xml:"x1,attr"`
		} `xml:"line"`
	} `xml:"g"`
}

func draw(t *testing.T, m *placement.Map, s client.Scattered) (text string, d drawn) {
	t.Helper()
	var b bytes.Buffer
	if err := writeSVG(&b, m, s); err != nil {
		t.Fatal(err)
	}
	for in := xml.NewDecoder(bytes.NewReader(b.Bytes())); ; {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, &b)
		}
		if start, ok := token.(xml.StartElement); ok {
			for _, a := range start.Attr {
				if start.Name.Local == "script" || strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
					t.Errorf("<%s %s=…> has no place in a picture", start.Name.Local, a.Name.Local)
				}
			}
		}
	}
	if err := xml.Unmarshal(b.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	return b.String(), d
}

func mapOf(t *testing.T, text string) *placement.Map {
	t.Helper()
	c, err := configs.Parse("test.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Map()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWriteSVG(t *testing.T) {
	c, err := configs.Load("")
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Map()
	if err != nil {
		t.Fatal(err)
	}
	text, d := draw(t, m, client.Scattered{Keys: 1000, Stored: 1000,
		ByNode: map[string]int{"linux": 498, "mac": 160, "android": 342}})
	if d.Role != "img" || d.Title != "Where 1000 random keys went" ||
		!strings.HasPrefix(d.Desc, "linux (md5 % 2 == 0) keeps 498 keys, 49.8%, expected 50.0%. mac (sha1 % 3 == 0) keeps 160 keys, 16.0%, expected 16.7%.") {
		t.Errorf("it says %s: %s", d.Title, d.Desc)
	}
	if !strings.Contains(d.Style, "prefers-color-scheme: dark") || !strings.Contains(d.Style, "system-ui") ||
		strings.Contains(d.Style, "url(") {
		t.Errorf("its style is %s", d.Style)
	}
	if len(d.Groups) != 3 {
		t.Fatalf("%d nodes are drawn", len(d.Groups))
	}
	// The axis goes from 32 to 688 and ends at 60 %.
	if bar, mark := d.Groups[0].Bar.Width, d.Groups[0].Mark.X; bar != "544.5" || mark != "578.7" {
		t.Errorf("linux's bar is %s long, its mark at %s", bar, mark)
	}
	for _, want := range []string{">60%<", "cluster three", "1000 of 1000 keys stored"} {
		if !strings.Contains(strings.ToLower(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

func TestWriteSVG_AnyCluster(t *testing.T) {
	m := mapOf(t, `
name = "x"
epoch = 1
copies = "every-match"
[[node]]
name = "berlin"
rule = 'prefix "<&>]]>"'
bus = "127.0.0.1:1"
[[node]]
name = "`+strings.Repeat("long-", 12)+`"
rule = "md5 % 2 == 0"
bus = "127.0.0.1:2"
[[node]]
name = "rest"
rule = "otherwise"
bus = "127.0.0.1:3"
`)
	_, d := draw(t, m, client.Scattered{Keys: 1, Stored: 1, Missing: 1, Faults: []error{errors.New("lost")},
		ByNode: map[string]int{"rest": 1}})
	if d.Groups[0].Mark != nil || d.Groups[0].Texts[0].Span[0] != `prefix "<&>]]>"` ||
		d.Groups[0].Texts[1].Span[0] != "by its prefix" {
		t.Errorf("a prefix is drawn as %+v", d.Groups[0])
	}
	if name := d.Groups[1].Texts[0]; len([]rune(name.Text)) > chartChars || !strings.HasSuffix(name.Text, "…") ||
		name.Span[0] != "" {
		t.Errorf("a long name is drawn as %+v", name)
	}
	if width, err := strconv.ParseFloat(d.Groups[2].Bar.Width, 64); err != nil || width != chartWidth-2*chartSide {
		t.Errorf("all keys are drawn %v long, %v", width, err)
	}
	if last := d.Texts[len(d.Texts)-1]; last.Class != "fault" || last.Text != "1 stored, 1 missing, 0 kept twice." {
		t.Errorf("the verdict is %+v", last)
	}
}

func TestTickStep(t *testing.T) {
	for most, want := range map[float64]float64{0.01: 0.01, 0.06: 0.02, 0.17: 0.05, 0.5: 0.1, 0.6: 0.2, 1: 0.2} {
		if got := tickStep(most); got != want {
			t.Errorf("an axis up to %v has a tick each %v, want %v", most, got, want)
		}
	}
}
