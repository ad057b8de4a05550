//go:build !race

package spawn

func raceEnv([]string) []string { return nil }

func restoreRaceEnv() {}
