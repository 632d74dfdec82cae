// The KPS envelope, as the public documentation describes it.

package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"
	"golang.org/x/crypto/nacl/box"
	"golang.org/x/crypto/nacl/sign"
)

// Client is one connection's keys and the identity it speaks as.
type Client struct {
	id        string // "tmp.{tmp_id}" or "app.{sso_client_id}"
	appVer    string // left out when empty
	encSk     *[32]byte
	signSk    *[64]byte
	srvEncPk  *[32]byte
	srvSignPk *[32]byte
}

// pack writes canonical msgpack: shortest forms, keys sorted.
func pack(v any) []byte {
	var buf bytes.Buffer
	enc := msgpack.NewEncoder(&buf)
	enc.SetSortMapKeys(true)
	if err := enc.Encode(v); err != nil {
		panic(err) // maps of text, binary and integers always encode
	}
	return buf.Bytes()
}

func unpack(data []byte) (map[string]any, error) {
	reader := bytes.NewReader(data)
	value, err := msgpack.NewDecoder(reader).DecodeInterface()
	if err != nil {
		return nil, err
	}
	fields, ok := value.(map[string]any)
	if !ok || reader.Len() != 0 {
		return nil, errors.New("not one map")
	}
	return fields, nil
}

// Seal makes an outgoing message under the given nonce.
func (c *Client) Seal(action string, ts int, body map[string]any, nonce *[24]byte) []byte {
	inner := pack(map[string]any{
		"header": map[string]any{"ts": ts, "to": action},
		"body":   body,
	})
	kps := map[string]any{
		"id":  c.id,
		"box": box.Seal(nil, inner, nonce, c.srvEncPk, c.encSk),
		"n":   nonce[:],
	}
	if c.appVer != "" {
		kps["app_ver"] = c.appVer
	}
	hash := sha256.Sum256(pack(kps))
	return pack(map[string]any{"kps": kps, "seal": sign.Sign(nil, hash[:], c.signSk)})
}

// Message is an opened frame of the server.
type Message struct {
	from string
	ts   int64
	body map[string]any
}

// Open verifies and opens a frame of the server.
func (c *Client) Open(frame []byte) (*Message, error) {
	root, err := unpack(frame)
	if err != nil {
		return nil, err
	}
	kps, ok := root["kps"].(map[string]any)
	seal, ok2 := root["seal"].([]byte)
	if !ok || !ok2 || len(seal) != 96 {
		return nil, errors.New("no envelope")
	}
	hash, ok := sign.Open(nil, seal, c.srvSignPk)
	own := sha256.Sum256(pack(kps)) // over the re-encoded map: the wire may spell it otherwise
	if !ok || !bytes.Equal(hash, own[:]) {
		return nil, errors.New("bad seal")
	}
	sealed, _ := kps["box"].([]byte)
	nonce, _ := kps["n"].([]byte)
	if nonce == nil && len(sealed) >= 24 {
		nonce, sealed = sealed[:24], sealed[24:]
	}
	if len(nonce) != 24 {
		return nil, errors.New("no nonce")
	}
	plain, ok := box.Open(nil, sealed, (*[24]byte)(nonce), c.srvEncPk, c.encSk)
	if !ok {
		return nil, errors.New("bad box")
	}
	inner, err := unpack(plain)
	if err != nil {
		return nil, err
	}
	header, _ := inner["header"].(map[string]any)
	body, _ := inner["body"].(map[string]any)
	from, _ := header["from"].(string)
	ts, ok := integer(header["ts"])
	if body == nil || from == "" || !ok {
		return nil, errors.New("no header or body")
	}
	return &Message{from, ts, body}, nil
}

// Sig is the WebSocket's query parameter: a signature over who we are and when.
func (c *Client) Sig(ts int) string {
	text := fmt.Sprintf("%s.%d", c.id, ts)
	return base64.RawURLEncoding.EncodeToString(sign.Sign(nil, []byte(text), c.signSk))
}

func freshNonce() *[24]byte {
	var nonce [24]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		panic(err)
	}
	return &nonce
}

// integer reads any width of msgpack integer.
func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int8:
		return int64(n), true
	case int16:
		return int64(n), true
	case int32:
		return int64(n), true
	case int64:
		return n, true
	case uint8:
		return int64(n), true
	case uint16:
		return int64(n), true
	case uint32:
		return int64(n), true
	case uint64:
		return int64(n), true
	}
	return 0, false
}

// text reads an id, which some servers send as an integer.
func text(v any) string {
	if n, ok := integer(v); ok {
		return fmt.Sprint(n)
	}
	s, _ := v.(string)
	return s
}
