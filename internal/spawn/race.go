//go:build race

package spawn

import (
	"os"
	"strings"
)

// raceOption makes a child of a program built with -race end without sleeping
// a second first.
const raceOption = " atexit_sleep_ms=0"

// raceEnv returns what the race detector of a child needs in its environment.
func raceEnv(env []string) []string {
	value := ""
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "GORACE="); ok {
			value = v
		}
	}
	return []string{"GORACE=" + value + raceOption}
}

// restoreRaceEnv undoes raceEnv in the child: programs that it runs do not
// inherit the option.
func restoreRaceEnv() {
	value, ok := strings.CutSuffix(os.Getenv("GORACE"), raceOption)
	switch {
	case !ok:
	case value == "":
		os.Unsetenv("GORACE")
	default:
		os.Setenv("GORACE", value)
	}
}
