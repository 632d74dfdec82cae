"""A minimal KeyLockr client after the public documentation: keys, handshake, QR code, WebSocket,
app_verify. It shares no code with the emulator that it is run against.

  peer.py login API SVC_ID push|poll   prints {"uri"} once the code may be shown, then the result
  peer.py vectors FILE                 checks the envelope against known answers
"""

import asyncio
import base64
import json
import sys
import time
import urllib.request

import websockets
from nacl import bindings as nacl

from kps import Client, Refused, pack, unpack
from vectors import check

HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # straight to loopback


def fetch(url, body=None, content_type=None):
    headers = {"Content-Type": content_type} if content_type else {}
    with HTTP.open(urllib.request.Request(url, data=body, headers=headers), timeout=15) as answer:
        return answer.read(65536)


async def login(api, svc_id, poll):
    server_enc_pk = base64.b64decode(fetch(api + "/key_enc").strip(), validate=True)
    server_sign_pk = base64.b64decode(fetch(api + "/key_sign").strip(), validate=True)
    offset = int(json.loads(fetch(api + "/clock"))["ts"]) - int(time.time())

    def now():
        return int(time.time()) + offset

    enc_pk, enc_sk = nacl.crypto_box_keypair()
    sign_pk, sign_sk = nacl.crypto_sign_keypair()
    opening = {"sign_pk": sign_pk, "enc_pk": enc_pk, "name": "Python peer", "svc_id": svc_id}
    reply = unpack(fetch(api + "/handshake", pack(opening), "application/octet-stream"))
    if "tmp_id" not in reply:
        raise Refused(f"handshake refused: {reply.get('code')}")
    client = Client("tmp." + reply["tmp_id"], enc_sk, sign_sk, server_enc_pk, server_sign_pk)

    url = "ws" + api.removeprefix("http") + "/ws?sig=" + client.sig(now())
    async with websockets.connect(url, max_size=65536) as socket:
        print(json.dumps({"uri": "keylockr://sso?tmp_id=" + reply["tmp_id"]}), flush=True)
        asking = asyncio.create_task(ask(socket, client, now)) if poll else None
        client_id, safe_id, nickname = await wait(socket, client, poll, now)
        if asking:
            asking.cancel()
    claim = {
        "svc_id": svc_id,
        "sso_client_id": client_id,
        "safe_id": safe_id,
        "sign_pk": base64.b64encode(sign_pk).decode(),
    }
    verified = json.loads(fetch(api + "/app_verify", json.dumps(claim).encode(), "application/json"))
    if verified.get("_res") != "ok":
        raise Refused(f"app_verify refused: {verified.get('code')}")
    return {
        "sso_client_id": client_id,
        "safe_id": safe_id,
        "polled_nickname": nickname,
        "valid": verified.get("valid"),
        "nickname": verified.get("nickname"),
    }


async def ask(socket, client, now):
    while True:
        await socket.send(client.seal("app_connect_req", now(), {}))
        await asyncio.sleep(0.2)


async def wait(socket, client, poll, now):
    """Reads frames until the user has decided, by the push alone or by the poll alone."""
    async for frame in socket:
        if not isinstance(frame, bytes):
            continue
        name, ts, body = client.open(frame)
        if not -5 <= now() - ts <= 300:
            raise Refused("a frame from another time")
        if body.get("_res", "ok") != "ok":
            raise Refused(f"{name} refused: {body.get('code')}")
        if not poll and name == "app_auth_result":
            return str(body["sso_client_id"]), str(body["safe_id"]), ""
        if poll and name == "app_connect_req":
            if body["status"] == "done":
                return str(body["app_id"]), str(body["user_id"]), body.get("user_nickname", "")
            if body["status"] != "pending":
                raise Refused(f"app_connect_req: {body['status']}")
    raise Refused("the server closed the socket")


def main(arguments):
    match arguments:
        case ["login", api, svc_id, "push" | "poll" as way]:
            result = asyncio.run(login(api.rstrip("/") + "/v3", svc_id, way == "poll"))
        case ["vectors", path]:
            result = check(path)
        case _:
            sys.exit(__doc__)
    print(json.dumps(result))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (Refused, OSError, websockets.WebSocketException) as refusal:
        sys.exit(str(refusal))
