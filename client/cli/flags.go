package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"dht/client/cli/shell"
)

// flagError says in our words what is wrong with a flag, and how to write it.
func flagError(words []string) func(*cobra.Command, error) error {
	return func(cmd *cobra.Command, err error) error {
		var unknown *pflag.NotExistError
		var missing *pflag.ValueRequiredError
		var invalid *pflag.InvalidValueError
		switch {
		case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
			return noFlag(cmd, words, unknown.GetSpecifiedShortnames())
		case errors.As(err, &missing):
			return fmt.Errorf("%s needs a value: %s", dashed(missing.GetFlag()), wanted(missing.GetFlag()))
		case errors.As(err, &invalid) && invalid.GetValue() == "":
			return emptyFlag(invalid.GetFlag())
		case errors.As(err, &invalid):
			return fmt.Errorf("%s %s: %s", dashed(invalid.GetFlag()), invalid.GetValue(), wanted(invalid.GetFlag()))
		case errors.As(err, new(*pflag.InvalidSyntaxError)):
			_, what, _ := strings.Cut(err.Error(), ": ")
			return fmt.Errorf("%s is no flag", what)
		}
		return err
	}
}

func dashed(f *pflag.Flag) string { return "--" + f.Name }

// wanted is what a flag's value looks like.
func wanted(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "duration":
		return "write a time with its unit, as in 10s, 5m or 24h"
	case "int":
		return "write a whole number"
	case "bool":
		return "write true or false"
	}
	name, _ := pflag.UnquoteUsage(f)
	return "write " + dashed(f) + " " + strings.ToUpper(name)
}

// emptyFlags refuses a flag whose value is nothing, as a variable is that nobody
// has set: it would be taken for no flag.
func emptyFlags(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		empty := f.Value.String() == "" && f.Name != "prefix" // every key begins with nothing
		if list, ok := f.Value.(pflag.SliceValue); ok {
			empty = len(list.GetSlice()) == 0 || slices.Contains(list.GetSlice(), "")
		}
		if empty {
			err = emptyFlag(f)
		}
	})
	return err
}

func emptyFlag(f *pflag.Flag) error {
	return fmt.Errorf("%s has an empty value: %s", dashed(f), wanted(f))
}

// noFlag says how to write the word that begins with - and holds letters that are
// no flags, -5.
func noFlag(cmd *cobra.Command, words []string, letters string) error {
	at := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") && strings.HasSuffix(w, letters) })
	if at < 0 {
		return fmt.Errorf("-%s is no flag", letters)
	}
	line := cmd.CommandPath() + " … -- " + shell.Quoted(words[at])
	if !slices.ContainsFunc(words[at+1:], isFlag) { // which -- would make a word
		line = quotedLine(slices.Concat([]string{"dht"}, words[:at], []string{"--"}, words[at:]))
	}
	return fmt.Errorf("%s is no flag; as a key or value write it last, behind --: %s", words[at], line)
}

func quotedLine(words []string) string {
	var line []string
	for _, w := range words {
		line = append(line, shell.Quoted(w))
	}
	return strings.Join(line, " ")
}

// isFlag reports whether a word looks like a flag, rather than like a number.
func isFlag(word string) bool {
	_, err := strconv.ParseFloat(word, 64)
	return len(word) > 1 && word[0] == '-' && err != nil
}
