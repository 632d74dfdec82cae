// A minimal KeyLockr client after the public documentation: keys, handshake, QR code, WebSocket,
// app_verify. It shares no code with the emulator that it is run against.
//
//	peer login API SVC_ID push|poll   prints {"uri"} once the code may be shown, then the result
//	peer vectors FILE                 checks the envelope against known answers
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/crypto/nacl/box"
	"golang.org/x/crypto/nacl/sign"
)

func main() {
	var err error
	switch {
	case len(os.Args) == 5 && os.Args[1] == "login":
		err = login(strings.TrimRight(os.Args[2], "/")+"/v3", os.Args[3], os.Args[4] == "poll")
	case len(os.Args) == 3 && os.Args[1] == "vectors":
		err = vectors(os.Args[2])
	default:
		err = errors.New("usage: peer login API SVC_ID push|poll, or peer vectors FILE")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func login(api, svcID string, poll bool) error {
	c := &Client{}
	var err error
	if c.srvEncPk, err = serverKey(api + "/key_enc"); err != nil {
		return err
	}
	if c.srvSignPk, err = serverKey(api + "/key_sign"); err != nil {
		return err
	}
	offset, err := clockOffset(api)
	if err != nil {
		return err
	}
	now := func() int { return int(time.Now().Unix() + offset) }

	encPk, encSk, err := box.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	signPk, signSk, err := sign.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	c.encSk, c.signSk = encSk, signSk
	reply, err := post(api+"/handshake", "application/octet-stream", pack(map[string]any{
		"sign_pk": signPk[:], "enc_pk": encPk[:], "name": "Go peer", "svc_id": svcID,
	}))
	if err != nil {
		return err
	}
	fields, err := unpack(reply)
	if err != nil {
		return err
	}
	tmpID, _ := fields["tmp_id"].(string)
	if tmpID == "" {
		return fmt.Errorf("handshake refused: %v", fields["code"])
	}
	c.id = "tmp." + tmpID

	url := "ws" + strings.TrimPrefix(api, "http") + "/ws?sig=" + c.Sig(now())
	ws, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		return err
	}
	defer ws.Close()
	if err := printJSON(map[string]any{"uri": "keylockr://sso?tmp_id=" + tmpID}); err != nil {
		return err
	}
	if poll {
		go func() {
			for {
				frame := c.Seal("app_connect_req", now(), map[string]any{}, freshNonce())
				if ws.WriteMessage(websocket.BinaryMessage, frame) != nil {
					return
				}
				time.Sleep(200 * time.Millisecond)
			}
		}()
	}
	clientID, safeID, nickname, err := wait(ws, c, poll, now)
	if err != nil {
		return err
	}
	verified, err := verify(api, map[string]any{
		"svc_id": svcID, "sso_client_id": clientID, "safe_id": safeID,
		"sign_pk": base64.StdEncoding.EncodeToString(signPk[:]),
	})
	if err != nil {
		return err
	}
	return printJSON(map[string]any{
		"sso_client_id": clientID, "safe_id": safeID, "polled_nickname": nickname,
		"valid": verified["valid"], "nickname": verified["nickname"],
	})
}

// wait reads frames until the user has decided, by the push alone or by the poll alone.
func wait(ws *websocket.Conn, c *Client, poll bool, now func() int) (clientID, safeID, nickname string, err error) {
	for {
		kind, frame, err := ws.ReadMessage()
		if err != nil {
			return "", "", "", err
		}
		if kind != websocket.BinaryMessage {
			continue
		}
		m, err := c.Open(frame)
		if err != nil {
			return "", "", "", err
		}
		if age := int64(now()) - m.ts; age > 300 || age < -5 {
			return "", "", "", errors.New("a frame from another time")
		}
		if res, there := m.body["_res"]; there && res != "ok" {
			return "", "", "", fmt.Errorf("%s refused: %v", m.from, m.body["code"])
		}
		switch {
		case !poll && m.from == "app_auth_result":
			return text(m.body["sso_client_id"]), text(m.body["safe_id"]), "", nil
		case poll && m.from == "app_connect_req" && m.body["status"] == "done":
			return text(m.body["app_id"]), text(m.body["user_id"]), text(m.body["user_nickname"]), nil
		case poll && m.from == "app_connect_req" && m.body["status"] != "pending":
			return "", "", "", fmt.Errorf("app_connect_req: %v", m.body["status"])
		}
	}
}

func serverKey(url string) (*[32]byte, error) {
	text, err := read(http.Get(url))
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%s: no key", url)
	}
	return (*[32]byte)(key), nil
}

func clockOffset(api string) (int64, error) {
	reply, err := read(http.Get(api + "/clock"))
	if err != nil {
		return 0, err
	}
	var clock struct{ Ts int64 }
	if err := json.Unmarshal(reply, &clock); err != nil {
		return 0, err
	}
	return clock.Ts - time.Now().Unix(), nil
}

func verify(api string, claim map[string]any) (map[string]any, error) {
	body, err := json.Marshal(claim)
	if err != nil {
		return nil, err
	}
	reply, err := post(api+"/app_verify", "application/json", body)
	if err != nil {
		return nil, err
	}
	var answer map[string]any
	if err := json.Unmarshal(reply, &answer); err != nil {
		return nil, err
	}
	if answer["_res"] != "ok" {
		return nil, fmt.Errorf("app_verify refused: %v", answer["code"])
	}
	return answer, nil
}

func post(url, contentType string, body []byte) ([]byte, error) {
	return read(http.Post(url, contentType, bytes.NewReader(body)))
}

func read(response *http.Response, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", response.Request.URL.Path, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, 65536))
}

func printJSON(v any) error {
	return json.NewEncoder(os.Stdout).Encode(v)
}
