package codec

// marshal returns the encoding of v.
func marshal[T any](v T) ([]byte, error) {
	c, err := Of[T]()
	if err != nil {
		return nil, err
	}
	return Append(c, nil, &v)
}

// unmarshal decodes src, the whole of it.
func unmarshal[T any](src []byte) (T, error) {
	var v T
	c, err := Of[T]()
	if err == nil {
		err = Decode(c, src, &v)
	}
	return v, err
}
