package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"hash"
)

// ours is the digest that we ask for.
const ours = "sha256"

// md5Size is the size of an answer of the old form, which has no name in front.
const md5Size = md5.Size

// longestName bounds where the end of a name is looked for.
const longestName = 16

// A digest is what an HMAC is made with.
type digest struct {
	name string // empty: the old form, MD5
	new  func() hash.Hash
}

// digests are those that CPython knows, from 3.12 on.
var digests = [...]digest{
	{"sha256", sha256.New},
	{"sha384", sha512.New384},
	{"sha3_256", func() hash.Hash { return sha3.New256() }},
	{"sha3_384", func() hash.Hash { return sha3.New384() }},
	{"md5", md5.New},
}

func (d digest) mac(key, message []byte) []byte {
	h := hmac.New(d.new, key)
	h.Write(message)
	return h.Sum(nil)
}

// digestOf takes "{name}rest" apart. Without a name and oldSize bytes long it is of
// the old form.
func (c Config) digestOf(message []byte, oldSize int) (digest, []byte, error) {
	if len(message) == oldSize {
		if !c.AllowMD5 {
			return digest{}, nil, refuse("the other end uses HMAC-MD5, as Python does up to 3.11; AllowMD5 permits that")
		}
		return digest{new: md5.New}, message, nil
	}
	if after, ok := bytes.CutPrefix(message, []byte("{")); ok {
		if i := bytes.IndexByte(after[:min(len(after), longestName)], '}'); i >= 0 {
			for _, d := range digests {
				if d.name != string(after[:i]) {
					continue
				}
				if d.name == "md5" && !c.AllowMD5 {
					break
				}
				return d, after[i+1:], nil
			}
		}
	}
	return digest{}, nil, refuse("the other end uses a digest that is not known, or none")
}
