package auth

import (
	"bytes"
	"encoding/hex"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/protocoltest"
)

func TestConstantsAreAsDocumented(t *testing.T) {
	texts := make(map[string]string)
	for _, row := range protocoltest.Table(t, "auth-texts") {
		texts[row["what"]] = row["text"]
	}
	assert.Equal(t, map[string]string{"challenge": challengeText, "welcome": welcomeText, "failure": failureText}, texts)
	sizes := make(map[string]uint64)
	for _, d := range digests {
		sizes[d.name] = uint64(d.new().Size())
	}
	assert.Equal(t, sizes, protocoltest.Numbers(t, "auth-digests", "digest", "size"))
	assert.Equal(t, map[string]uint64{
		"header": headerSize, "random": challengeSize, "old challenge": oldChallengeSize, "old answer": md5Size,
		"message": maxMessage, "name": longestName - 1,
	}, protocoltest.Numbers(t, "auth-sizes", "what", "value"))
}

// counting is bytes as they are in the examples of the document.
func counting(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func framed(messages ...[]byte) (out []byte) {
	for _, m := range messages {
		out = append(append(out, 0, 0, 0, byte(len(m))), m...)
	}
	return out
}

// The examples of the document, which another implementation (the hmac module of
// Python) has computed.
func TestGoldenAnswers(t *testing.T) {
	c := Config{Key: []byte("key"), AllowMD5: true}
	text := protocoltest.Document(t)
	ours := append([]byte("{sha256}"), counting(challengeSize)...)
	for _, each := range []struct{ challenge, name, mac string }{
		{string(ours), "{sha256}", "05b37335205f51ff483146e965fdf576943e0e64675a64ceccba80b6704d76b8"},
		{string(counting(oldChallengeSize)), "", "5b2709aec5bcecbd08bd1f92d77ecea1"},
	} {
		assert.Contains(t, text, each.mac)
		mac, err := hex.DecodeString(each.mac)
		require.NoError(t, err)
		var sent bytes.Buffer
		in := bytes.NewReader(framed(append([]byte(challengeText), each.challenge...), []byte(welcomeText)))
		require.NoError(t, c.answer(pair{in, &sent}, &dialling))
		assert.Equal(t, framed(append([]byte(each.name), mac...)), sent.Bytes())
		rest, err := io.ReadAll(in)
		require.NoError(t, err)
		assert.Empty(t, rest)
	}
	assert.Contains(t, text, "044b1f89b24a16c831a13039e4534300")
	old, err := hex.DecodeString("044b1f89b24a16c831a13039e4534300")
	require.NoError(t, err)
	require.NoError(t, c.judge(ours, old), "an old end signs the name like any other bytes")
	assert.Contains(t, text, "00 00 00 3b  #CHALLENGE#{sha256} 00 01 ... 27")
	assert.Equal(t, 0x3b, len(challengeText)+len(ours))
	assert.Contains(t, text, "00 00 00 1f  #CHALLENGE# 00 01 ... 13")
	assert.Equal(t, 0x1f, len(challengeText)+oldChallengeSize)
}
