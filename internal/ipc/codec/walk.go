package codec

// Walk steps over the one msgpack value that src begins with and returns what follows it. It fails, with an error that
// matches [ErrMalformed], unless every length and count is backed by bytes that are present and arrays and maps nest
// no deeper than [MaxDepth]. It allocates nothing and looks into no extension.
func Walk(src []byte) (rest []byte, err error) {
	rest, err = walk(src, 1)
	if err != nil {
		return nil, decodeError(nil, err, len(src))
	}
	return rest, nil
}

// walk is Walk for a value that, if an array or map, is at the given depth.
func walk(src []byte, depth int) ([]byte, error) {
	h, ok := parseHeader(src)
	if !ok {
		return nil, mismatch(src, "a value")
	}
	body := src[h.size:]
	switch h.family {
	case famArray:
		return walkItems(src, body, h.n, depth)
	case famMap:
		return walkItems(src, body, 2*h.n, depth)
	}
	if h.n > uint64(len(body)) {
		return nil, mismatch(src, "a whole value")
	}
	return body[h.n:], nil
}

func walkItems(src, body []byte, n uint64, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return nil, malformed(src, "nested deeper than %d", MaxDepth)
	}
	if n > uint64(len(body)) {
		return nil, mismatch(src, "a container whose items are present")
	}
	var err error
	for ; n > 0; n-- {
		if c := body; len(c) > 0 && (c[0] <= codePosFixHigh || c[0] >= codeNegFixLow || c[0] == codeNil) {
			body = body[1:] // a small integer or nil, without a call
			continue
		}
		if body, err = walk(body, depth+1); err != nil {
			return nil, err
		}
	}
	return body, nil
}
