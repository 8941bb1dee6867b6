package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"dht/client"
	"dht/configs"
	"dht/events"
)

// global holds the flags that every command takes. Flags win over the
// environment, the environment over the cluster file.
type global struct {
	config  string
	servers []string
	tcp     string
	json    bool
	quiet   bool
	timeout time.Duration
	session *session             // of a shell, whose lines share one connection
	met     func(cluster string) // gets the name of the cluster, where nobody has named one
}

// defaults are the flags when none is given.
func defaults() global {
	return global{config: os.Getenv("DHT_CONFIG"), timeout: client.DefaultTimeout}
}

// register makes what g holds the default of each flag.
func (g *global) register(f *pflag.FlagSet) {
	f.StringVarP(&g.config, "config", "c", g.config,
		"cluster `FILE`; without one, three nodes on this machine (DHT_CONFIG)")
	f.VarP(&serverList{list: &g.servers}, "server", "s", "NATS `URL` to connect to; may be repeated (NATS_URL)")
	f.StringVar(&g.tcp, "tcp", g.tcp, "talk to the node at `ADDR` over TCP instead of the bus")
	f.BoolVar(&g.json, "json", g.json, "print JSON; errors too")
	f.BoolVarP(&g.quiet, "quiet", "q", g.quiet, "print data and errors only")
	f.DurationVar(&g.timeout, "timeout", g.timeout, "how long a request may take")
}

// serverList is a flag that takes addresses, with commas between them, as often as
// it is given. It takes any text: an error of a flag shows it, and a password may
// be part of it.
type serverList struct {
	list  *[]string
	given bool
}

func (l *serverList) Set(text string) error {
	if !l.given { // the default does not count
		*l.list, l.given = nil, true
	}
	*l.list = append(*l.list, strings.Split(text, ",")...)
	return nil
}

func (l *serverList) Type() string   { return "strings" }
func (l *serverList) String() string { return "" }

// The methods of [pflag.SliceValue] let others see what was given.

func (l *serverList) GetSlice() []string          { return *l.list }
func (l *serverList) Append(text string) error    { *l.list = append(*l.list, text); return nil }
func (l *serverList) Replace(list []string) error { *l.list = list; return nil }

// check refuses flags that make no sense.
func (g *global) check() error {
	if g.timeout <= 0 {
		return fmt.Errorf("%w--timeout %v: a request takes some time", errUsage, g.timeout)
	}
	if err := configs.CheckAddress(g.tcp); g.tcp != "" && err != nil {
		return fmt.Errorf("%w--tcp %s %w", errUsage, client.Addresses(g.tcp), err) // a URL with a password, for one
	}
	return nil
}

// busOnly refuses --tcp where a command needs the bus.
func (g *global) busOnly(cmd *cobra.Command) error {
	if g.tcp != "" {
		return fmt.Errorf("%w%s works on the bus only, not with --tcp", errUsage, cmd.Name())
	}
	return nil
}

func (g *global) load() (*configs.Config, error) { return configs.Load(g.config) }

// client reaches the cluster as the flags, the environment and the cluster file
// say.
func (g *global) client(ctx context.Context) (*client.Client, error) {
	if g.session.reaches(g) {
		return g.session.share(ctx, g.timeout)
	}
	return g.connect(ctx)
}

func (g *global) connect(ctx context.Context) (*client.Client, error) {
	c, err := g.load()
	if err != nil {
		return nil, err
	}
	if err := checkCredentials(); err != nil {
		return nil, err
	}
	o := g.clientOptions(c)
	if g.tcp != "" {
		return client.ConnectTCP(ctx, g.tcp, o)
	}
	if len(o.Servers) == 0 { // a cluster without a bus
		return connectAny(ctx, c, o)
	}
	reached, err := client.Connect(o)
	if errors.Is(err, events.ErrUnreachable) && g.config == "" && !g.serversNamed() {
		err = fmt.Errorf("%w; dht up starts three nodes on this machine", err)
	}
	return reached, err
}

// anyPath is client, but goes over TCP too when the bus of the cluster file
// cannot be reached: the nodes may run without one.
func (g *global) anyPath(ctx context.Context) (*client.Client, error) {
	reached, err := g.client(ctx)
	if err == nil || g.tcp != "" || g.serversNamed() {
		return reached, err
	}
	c, loadErr := g.load()
	if loadErr != nil {
		return nil, loadErr
	}
	if reached, tcpErr := connectAny(ctx, c, g.clientOptions(c)); tcpErr == nil {
		return reached, nil
	}
	return nil, err
}

// serversNamed reports whether somebody has said which NATS servers to use.
func (g *global) serversNamed() bool { return len(g.servers) > 0 || os.Getenv("NATS_URL") != "" }

// onCluster is what a command runs when all its work is done with a client.
func (g *global) onCluster(work func(cmd *cobra.Command, c *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := g.client(cmd.Context())
		if err != nil {
			return err
		}
		defer c.Close()
		return work(cmd, c, args)
	}
}

// connectAny reaches the first node of c that answers over TCP.
func connectAny(ctx context.Context, c *configs.Config, o client.Options) (reached *client.Client, err error) {
	for _, n := range c.Nodes {
		if reached, err = client.ConnectTCP(ctx, n.TCP, o); err == nil || errors.Is(err, events.ErrWrongCluster) {
			return reached, err
		}
	}
	return nil, err
}

func (g *global) clientOptions(c *configs.Config) client.Options {
	servers := g.servers
	if url := os.Getenv("NATS_URL"); len(servers) == 0 && url != "" {
		servers = []string{url}
	}
	if len(servers) == 0 {
		servers = c.Servers()
	}
	reach := append(credentials(), nats.Timeout(min(g.timeout, time.Second)))
	o := client.Options{Servers: servers, NATS: reach, Prefix: c.Prefix, Timeout: g.timeout}
	if g.config != "" {
		o.Cluster = c.Name
		return o
	}
	o.Met = func(cluster string) {
		if cluster != c.Name && g.met != nil {
			g.met(cluster)
		}
	}
	return o
}

// credentials come from the environment that other NATS tools read, never from
// flags, which every user of a machine can see.
func credentials() (opts []nats.Option) {
	if user := os.Getenv("NATS_USER"); user != "" {
		opts = append(opts, nats.UserInfo(user, os.Getenv("NATS_PASSWORD")))
	}
	if file := os.Getenv("NATS_CREDS"); file != "" {
		opts = append(opts, nats.UserCredentials(file))
	}
	if file := os.Getenv("NATS_CA"); file != "" {
		opts = append(opts, nats.RootCAs(file))
	}
	return opts
}

// checkCredentials says what is wrong with the files that the environment names,
// before the NATS library reads them to their end.
func checkCredentials() error {
	for _, f := range []struct{ variable, holds, what string }{
		{"NATS_CREDS", "BEGIN NATS USER JWT", "credentials of a NATS user"},
		{"NATS_CA", "BEGIN CERTIFICATE", "certificate in PEM"},
	} {
		path := os.Getenv(f.variable)
		if path == "" {
			continue
		}
		text, err := configs.ReadFile(path)
		if err == nil && !bytes.Contains(text, []byte(f.holds)) {
			err = fmt.Errorf("%s holds no %s", path, f.what)
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", events.ErrConfig, f.variable, err)
		}
	}
	return nil
}

// version is what the binary was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := cmp.Or(info.Main.Version, "(devel)")
	return v + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
}
