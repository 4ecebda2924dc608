"""A server of ready bytes: answers each POST with the page that its `nextToken` names. Run with a file of pages."""

import json
import socket
import sys
import threading


def serve(connection: socket.socket, pages: list[bytes]) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return
            data += more
        head, _, data = data.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        size = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
        while len(data) < size:
            data += connection.recv(65536)
        request, data = json.loads(data[:size]), data[size:]
        body = pages[int(request.get("nextToken", 0))]
        told = ("HTTP/1.1 200 OK", "Content-Type: application/x-amz-json-1.0", f"Content-Length: {len(body)}", "", "")
        connection.sendall("\r\n".join(told).encode() + body)


def main() -> None:
    with open(sys.argv[1]) as file:
        pages = [page.encode() for page in json.load(file)]
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, pages), daemon=True).start()


if __name__ == "__main__":
    main()
