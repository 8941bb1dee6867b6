package bus

import "testing"

func TestServiceVersion(t *testing.T) {
	for build, want := range map[string]string{
		"v1.2.3 go1.26.0 linux/amd64": "1.2.3",
		"v2.0.0-rc.1":                 "2.0.0-rc.1",
		"v0.0.0-20261122100346-abcdef012345+dirty go1.26.0 android/arm64": "0.0.0-20261122100346-abcdef012345+dirty",
		"(devel) go1.26.0 darwin/arm64":                                   "0.0.0-unreleased",
		"unknown":                                                         "0.0.0-unreleased",
		"v1":                                                              "0.0.0-unreleased",
		"":                                                                "0.0.0-unreleased",
	} {
		if got := serviceVersion(build); got != want {
			t.Errorf("%q is version %s, want %s", build, got, want)
		}
	}
}
