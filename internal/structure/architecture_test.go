package structure

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/protocoltest"
)

// The list of packages in docs/architecture.md has them all, and no others.
func TestArchitectureNamesThePackages(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(protocoltest.Root(t), "docs", "architecture.md"))
	require.NoError(t, err)
	_, list, found := strings.Cut(string(text), "## The packages\n")
	require.True(t, found)
	list, _, found = strings.Cut(list, "Imports run one way")
	require.True(t, found)
	named := make(map[string]bool)
	for line := range strings.Lines(list) {
		if !strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "     ") {
			continue // the rest of a description
		}
		names, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
		names, _, _ = strings.Cut(names, ": ")
		for _, name := range regexp.MustCompile(`[a-z/]+`).FindAllString(names, -1) {
			named[name] = true
		}
	}
	there := map[string]bool{"mp": true}
	for _, f := range tree(t) {
		dir := path.Dir(f.path)
		switch {
		case dir == ".":
		case strings.HasPrefix(dir, "cmd/"):
			there["cmd/mp"] = true
		case strings.HasPrefix(dir, "examples"):
			there["examples"] = true
		default:
			there[dir] = true
		}
	}
	for name := range there {
		assert.True(t, named[name], "docs/architecture.md does not list %s", name)
		delete(named, name)
	}
	assert.Empty(t, named, "docs/architecture.md lists what is not there")
}
