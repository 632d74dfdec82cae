// Known answers: what this client seals and opens must be what everybody else does.

package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
)

type vector struct {
	ID    string
	Kind  string
	Input struct {
		Identity, Action, Nonce, Frame string
		AppVer                         string `json:"app_ver"`
		Ts                             int
		Body                           map[string]any
		Raw                            []any
		OmitN                          bool   `json:"omit_n"`
		EncSk                          string `json:"client_enc_sk"`
		SignSeed                       string `json:"client_sign_seed"`
		SrvEncPk                       string `json:"server_enc_pk"`
		SrvSignPk                      string `json:"server_sign_pk"`
	}
	Expect map[string]any
}

func vectors(path string) error {
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var all struct{ Vectors []vector }
	if err := json.Unmarshal(file, &all); err != nil {
		return err
	}
	sealed, opened := 0, 0
	for _, v := range all.Vectors {
		in := v.Input
		switch {
		case v.Kind == "kps_seal" && len(in.Raw) == 0 && !in.OmitN:
			c := &Client{id: in.Identity, appVer: in.AppVer, encSk: key(in.EncSk), srvEncPk: key(in.SrvEncPk)}
			c.signSk = (*[64]byte)(ed25519.NewKeyFromSeed(unhex(in.SignSeed)))
			frame := c.Seal(in.Action, in.Ts, plain(in.Body).(map[string]any), (*[24]byte)(unhex(in.Nonce)))
			if hex.EncodeToString(frame) != v.Expect["frame"] {
				return fmt.Errorf("%s: sealed %x", v.ID, frame)
			}
			sealed++
		case v.Kind == "kps_open" && v.Expect["ok"] == true && !bytes.Contains(unhex(in.Frame), []byte("raw")):
			c := &Client{encSk: key(in.EncSk), srvEncPk: key(in.SrvEncPk), srvSignPk: key(in.SrvSignPk)}
			m, err := c.Open(unhex(in.Frame))
			if err != nil {
				return fmt.Errorf("%s: %w", v.ID, err)
			}
			same := bytes.Equal(pack(plain(v.Expect["body"])), pack(plain(m.body)))
			if !same || m.from != v.Expect["from"] || float64(m.ts) != v.Expect["ts"] {
				return fmt.Errorf("%s: opened %+v", v.ID, m)
			}
			opened++
		}
	}
	return printJSON(map[string]any{"sealed": sealed, "opened": opened})
}

// plain turns the file's tagged JSON into msgpack's values.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if bin, ok := v["$bin"].(string); ok {
			return unhex(bin)
		}
		fields := make(map[string]any, len(v))
		for name, value := range v {
			fields[name] = plain(value)
		}
		return fields
	case []any:
		items := make([]any, len(v))
		for i, value := range v {
			items[i] = plain(value)
		}
		return items
	case float64:
		return int(v)
	}
	if n, ok := integer(v); ok {
		return int(n) // of any width on the wire
	}
	return v
}

func key(text string) *[32]byte { return (*[32]byte)(unhex(text)) }

func unhex(text string) []byte {
	data, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return data
}
