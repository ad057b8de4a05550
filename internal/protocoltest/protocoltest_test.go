package protocoltest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	tables, err := Parse("text\n<!-- table: a -->\n\n| `x` | y |\n| --- | ---: |\n| `1` | two |\n| 3 | four |\n\n| not | marked |\n| --- | --- |\n| 5 | 6 |\n")
	require.NoError(t, err)
	assert.Equal(t, map[string][]Row{"a": {{"x": "1", "y": "two"}, {"x": "3", "y": "four"}}}, tables)
}

func TestParseFindsMistakes(t *testing.T) {
	for name, text := range map[string]string{
		"two of a name":  "<!-- table: a -->\n| x |\n| --- |\n| 1 |\n\n<!-- table: a -->\n",
		"no table":       "<!-- table: a -->\n\ntext\n",
		"a row too long": "<!-- table: a -->\n| x |\n| --- |\n| 1 | 2 |\n",
	} {
		_, err := Parse(text)
		assert.Error(t, err, name)
	}
}

// A table that no test reads says nothing that anybody has checked.
func TestEveryTableIsReadByATest(t *testing.T) {
	tables, err := Parse(Document(t))
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	unread := make(map[string]bool)
	for name := range tables {
		unread[name] = true
	}
	require.NoError(t, filepath.WalkDir(filepath.Join(Root(t), "internal"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for name := range unread {
			if strings.Contains(string(text), `protocoltest.Numbers(t, "`+name+`"`) ||
				strings.Contains(string(text), `protocoltest.Words(t, "`+name+`"`) ||
				strings.Contains(string(text), `protocoltest.Table(t, "`+name+`"`) {
				delete(unread, name)
			}
		}
		return err
	}))
	assert.Empty(t, unread, "tables that no test compares with the code")
}
