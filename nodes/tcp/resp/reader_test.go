package resp_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"dht/nodes/tcp/resp"
)

func limits() resp.Limits { return resp.Limits{Args: 1024, Bulk: 1 << 20, Command: 4 << 20} }

// commands reads all of src and prints each command as [a b].
func commands(src io.Reader, l resp.Limits) (list []string, err error) {
	in := resp.NewReader(src, l)
	for {
		for {
			args, ok, err := in.Next()
			if err != nil {
				return list, err
			}
			if !ok {
				break
			}
			list = append(list, fmt.Sprintf("%q", args))
		}
		in.Release()
		if err := in.Fill(); err != nil {
			return list, err
		}
	}
}

func TestReader_Commands(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"array":           {"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", `["GET" "k"]`},
		"pipeline":        {"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n", `["PING"] ["QUIT"]`},
		"empty value":     {"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n", `["SET" "k" ""]`},
		"binary":          {"*2\r\n$3\r\nGET\r\n$4\r\n\r\n\x00\xff\r\n", `["GET" "\r\n\x00\xff"]`},
		"empty arrays":    {"*0\r\n*-1\r\n*-10\r\n*-9999999999\r\n*1\r\n$4\r\nPING\r\n", `["PING"]`},
		"inline":          {"PING\r\nget  k\n", `["PING"] ["get" "k"]`},
		"empty lines":     {"\r\n\n  \r\nPING\r\n", `["PING"]`},
		"quoted":          {`set "a b\n\x41\"" 'it\'s'` + "\r\n", `["set" "a b\nA\"" "it's"]`},
		"empty quoted":    {`set k ""` + "\r\n", `["set" "k" ""]`},
		"unknown escapes": {`x "\q\xZZ"` + "\r\n", `["x" "qxZZ"]`},
		"half at the end": {"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPI", `["PING"]`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, src := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in)), iotest.HalfReader(strings.NewReader(c.in))} {
				got, err := commands(src, limits())
				if err != io.EOF || strings.Join(got, " ") != c.want {
					t.Errorf("read %s, %v; want %s", got, err, c.want)
				}
			}
		})
	}
}

func TestReader_RefusesWhatBreaksTheProtocol(t *testing.T) {
	for in, want := range map[string]string{
		"*1025\r\n":                          "invalid multibulk length",
		"*99999999999999999999\r\n":          "invalid multibulk length",
		"*+1\r\n":                            "invalid multibulk length",
		"*01\r\n":                            "invalid multibulk length",
		"*-0\r\n":                            "invalid multibulk length",
		"*-\r\n":                             "invalid multibulk length",
		"*\r\n":                              "invalid multibulk length",
		"*1\r\n$04\r\n":                      "invalid bulk length",
		"*1\r\n$+4\r\n":                      "invalid bulk length",
		"*1\r\n$-4\r\n":                      "invalid bulk length",
		"*x\r\n":                             "invalid multibulk length",
		"*1\r\n$9223372036854775808\r\n":     "invalid bulk length",
		"*1\r\n$9223372036854775807\r\n":     "invalid bulk length",
		"*1\r\n$-1\r\n":                      "invalid bulk length",
		"*1\r\n$1048577\r\n":                 "invalid bulk length",
		"*1\r\n$2\r\nabc\r\n":                "expected CRLF",
		"*1\r\n:1\r\n":                       "expected '$', got ':'",
		"*1\r\n\x01":                         `expected '$', got '\x01'`,
		strings.Repeat("*1\r\n", 10_000):     "expected '$', got '*'",
		"*" + strings.Repeat("1", 100):       "invalid multibulk length",
		strings.Repeat("x", 70_000):          "too big inline request",
		"get \"k\r\n":                        "unbalanced quotes",
		"get \"k\"x\r\n":                     "unbalanced quotes",
		strings.Repeat("a ", 1025) + "\r\n":  "too many arguments",
		"*1\n$4\r\nPING\r\n":                 "invalid multibulk length",
		"*2\r\n$1\r\na\r\n$" + "1048577\r\n": "invalid bulk length",
	} {
		_, err := commands(strings.NewReader(in), limits())
		if !errors.Is(err, resp.ErrProtocol) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", in, err, want)
		}
	}
}

// An argument that is too long is passed over, and takes no memory; what follows
// is read on, in whatever pieces it comes.
func TestReader_PassesOverWhatIsTooLong(t *testing.T) {
	bulk := func(size int) string { return fmt.Sprintf("$%d\r\n%s\r\n", size, strings.Repeat("x", size)) }
	in := "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n" + bulk(200_000) + "*1\r\n$4\r\nPING\r\n" + // one argument
		"*1\r\n" + bulk(101) + "*3\r\n$1\r\na\r\n" + bulk(101) + "$1\r\nb\r\n" + // the name; one in the middle
		"*5\r\n$1\r\nc\r\n" + strings.Repeat(bulk(100), 4) + "QUIT\r\n" // together
	want := `["SET" "k" ""] 200000 ["PING"] 0 [""] 101 ["a" "" "b"] 101 ["c" "X" "X" "" ""] 100 ["QUIT"] 0`
	l := resp.Limits{Args: 10, Bulk: 100, Command: 300, Skip: 1 << 20}
	for _, src := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in)), iotest.HalfReader(strings.NewReader(in))} {
		r := resp.NewReader(src, l)
		var got []string
		for r.Fill() == nil {
			for {
				args, ok, err := r.Next()
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
				got = append(got, fmt.Sprintf("%q %d", args, r.Oversize()))
			}
			if used, free := r.Room(); used+free > 64<<10 {
				t.Fatalf("the buffer has grown to %d bytes", used+free)
			}
			r.Release()
		}
		if got := strings.ReplaceAll(strings.Join(got, " "), strings.Repeat("x", 100), "X"); got != want {
			t.Errorf("read %s, want %s", got, want)
		}
	}
	l.Skip = 100_000
	if _, err := commands(strings.NewReader(in), l); !errors.Is(err, resp.ErrProtocol) {
		t.Errorf("what is too long to be passed over gives %v", err)
	}
}

// A declared length alone costs nothing: a thousand clients that promise a
// gigabyte hold a thousand small buffers.
func TestReader_AllocatesNothingForADeclaredLength(t *testing.T) {
	l := resp.Limits{Args: 1 << 20, Bulk: 512 << 20, Command: 1 << 30}
	for _, in := range []string{"*1048576\r\n", "*2\r\n$3\r\nSET\r\n$536870912\r\n"} {
		readers := make([]*resp.Reader, 100)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for i := range readers {
			readers[i] = resp.NewReader(strings.NewReader(in), l)
			if err := readers[i].Fill(); err != nil {
				t.Fatal(err)
			}
			if _, ok, err := readers[i].Next(); ok || err != nil {
				t.Fatalf("%q: %v, %v", in, ok, err)
			}
		}
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / 100; each > 32<<10 {
			t.Errorf("%q made a reader allocate %d bytes", in, each)
		}
		runtime.KeepAlive(readers)
	}
}

func TestReader_GivesBackALargeBuffer(t *testing.T) {
	big := "*2\r\n$3\r\nGET\r\n$1000000\r\n" + strings.Repeat("x", 1_000_000) + "\r\n"
	src := io.MultiReader(strings.NewReader(big), strings.NewReader("PING\r\n"))
	got, err := commands(src, limits())
	if err != io.EOF || len(got) != 2 {
		t.Fatalf("%d commands, %v", len(got), err)
	}
}

func TestNextReply(t *testing.T) {
	const in = "+OK\r\n-ERR no\r\n:12\r\n$5\r\nhe\r\no\r\n$-1\r\n_\r\n$0\r\n\r\n"
	for _, src := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in))} {
		r := resp.NewReader(src, limits())
		var got []string
		for {
			reply, ok, err := r.NextReply()
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				got = append(got, fmt.Sprintf("%c%q", reply.Kind, reply.Text))
				continue
			}
			if err := r.Fill(); err != nil {
				break
			}
		}
		if want := `+"OK" -"ERR no" :"12" $"he\r\no" _"" _"" $""`; strings.Join(got, " ") != want {
			t.Errorf("read %s, want %s", got, want)
		}
	}
	for _, in := range []string{"*1\r\n", "$x\r\n", "$9999999\r\n", "$1\r\nxx\r\n", "+" + strings.Repeat("x", 5000)} {
		r := resp.NewReader(strings.NewReader(in), limits())
		if err := r.Fill(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.NextReply(); !errors.Is(err, resp.ErrProtocol) {
			t.Errorf("%.20q: %v", in, err)
		}
	}
}

func TestWriter(t *testing.T) {
	write := func(w *resp.Writer) string {
		w.Simple("OK")
		w.Error("ERR two\r\nlines")
		w.Int(-7)
		w.Bulk([]byte("a\r\nb"))
		w.Text("")
		w.Null()
		w.Map(1)
		w.Set(1)
		w.Array(0)
		w.Verbatim("v")
		return string(w.Buf)
	}
	if got, want := write(&resp.Writer{}), "+OK\r\n-ERR two  lines\r\n:-7\r\n$4\r\na\r\nb\r\n$0\r\n\r\n$-1\r\n*2\r\n*1\r\n*0\r\n$1\r\nv\r\n"; got != want {
		t.Errorf("RESP2 %q, want %q", got, want)
	}
	if got, want := write(&resp.Writer{Proto: 3}), "+OK\r\n-ERR two  lines\r\n:-7\r\n$4\r\na\r\nb\r\n$0\r\n\r\n_\r\n%1\r\n~1\r\n*0\r\n=5\r\ntxt:v\r\n"; got != want {
		t.Errorf("RESP3 %q, want %q", got, want)
	}
}

// FuzzReader holds three things: no panic; what arrives in pieces reads as what
// arrives at once; and what was read, written anew, reads the same. Memory stays
// below four times the input and 64 KiB.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "PING\r\n", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n*1\r\n",
		"set \"a\\x00\" 'b'\r\n", "*-1\r\n*0\r\n$", "*1\r\n$9223372036854775808\r\n", strings.Repeat("*1\r\n", 50)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := resp.NewReader(bytes.NewReader(in), limits())
		for done := false; !done; {
			for {
				_, ok, err := r.Next()
				if done = err != nil; !ok || done {
					break
				}
			}
			done = done || r.Fill() != nil
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 16*uint64(len(in))+64<<10 {
			t.Errorf("%d bytes of input allocated %d", len(in), used)
		}
		whole, err := commands(bytes.NewReader(in), limits())
		pieces, errPieces := commands(iotest.OneByteReader(bytes.NewReader(in)), limits())
		if fmt.Sprint(whole) != fmt.Sprint(pieces) || errors.Is(err, resp.ErrProtocol) != errors.Is(errPieces, resp.ErrProtocol) {
			t.Fatalf("at once %s, %v; in pieces %s, %v", whole, err, pieces, errPieces)
		}
		again := rewrite(in)
		if got, err := commands(bytes.NewReader(again), limits()); fmt.Sprint(got) != fmt.Sprint(whole) || err != io.EOF {
			t.Fatalf("%s written anew reads %s, %v", whole, got, err)
		}
	})
}

// rewrite reads commands and writes them anew.
func rewrite(in []byte) []byte {
	var w resp.Writer
	r := resp.NewReader(bytes.NewReader(in), limits())
	for {
		args, ok, err := r.Next()
		switch {
		case err != nil:
			return w.Buf
		case ok:
			w.Command(args...)
		case r.Fill() != nil:
			return w.Buf
		}
	}
}

func FuzzReply(f *testing.F) {
	for _, seed := range []string{"+OK\r\n", "-ERR\r\n", "$5\r\nhello\r\n", "$-1\r\n", ":1\r\n", "*1\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := resp.NewReader(bytes.NewReader(in), limits())
		for {
			_, ok, err := r.NextReply()
			if err != nil || !ok && r.Fill() != nil {
				return
			}
		}
	})
}

func BenchmarkReader(b *testing.B) {
	one := "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$100\r\n" + strings.Repeat("x", 100) + "\r\n"
	in := strings.Repeat(one, 64)
	b.ReportAllocs()
	for b.Loop() {
		r := resp.NewReader(strings.NewReader(in), limits())
		for {
			_, ok, _ := r.Next()
			if !ok && r.Fill() != nil {
				break
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/command")
}
