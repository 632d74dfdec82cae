//! Both programs, as a person with a terminal meets them: every line that they print is sent, as it
//! stands and with a letter changed.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStdout, Command, Stdio},
};

const PROGRAMS: [&str; 2] = [
    env!("CARGO_BIN_EXE_unloq-hooks-axum"),
    env!("CARGO_BIN_EXE_unloq-hooks-actix"),
];

struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
    lines: Vec<Curl>,
}

/// A `curl` line, taken apart.
#[derive(Clone, Debug)]
struct Curl {
    path: String,
    headers: Vec<String>,
    body: String,
}

struct Reply {
    status: u16,
    cookie: Option<String>,
    body: String,
}

impl Program {
    fn start(path: &str) -> Self {
        let mut child = Command::new(path)
            .env("UNLOQ_SECRET", "7f3c1a9e5b2d48c6a0e4f1b8d2c37a65")
            .env("BIND", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = Vec::new();
        let mut line = String::new();
        while !line.starts_with("Change a letter") {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "more text");
            lines.push(line.clone());
        }
        let origin = lines
            .iter()
            .find_map(|line| line.split("http://").nth(1))
            .unwrap();
        Self {
            child,
            output,
            address: origin.split('/').next().unwrap().to_owned(),
            lines: lines.iter().filter_map(|line| Curl::read(line)).collect(),
        }
    }

    fn send(&self, method: &str, path: &str, headers: &[String], body: &str) -> Reply {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        let headers: String = headers
            .iter()
            .map(|header| format!("{header}\r\n"))
            .collect();
        let length = body.len();
        write!(
            socket,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}",
            self.address
        )
        .unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let cookie = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("set-cookie")
                .then(|| value.split(';').next())?
        });
        Reply {
            status: head[9..12].parse().unwrap(),
            cookie: cookie.map(str::to_owned),
            body: body.to_owned(),
        }
    }

    fn post(&self, line: &Curl) -> u16 {
        self.send("POST", &line.path, &line.headers, &line.body)
            .status
    }

    fn home(&self, cookie: &str) -> String {
        let reply = self.send("GET", "/", &[format!("Cookie: {cookie}")], "");
        assert_eq!(reply.status, 200);
        reply.body
    }

    fn says(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Curl {
    fn read(line: &str) -> Option<Self> {
        let (_, rest) = line.split_once("curl -i http://")?;
        let (target, rest) = rest.split_once(' ')?;
        let quoted: Vec<&str> = rest.split('\'').collect();
        Some(Self {
            path: target[target.find('/')?..].to_owned(),
            headers: vec![quoted[1].to_owned(), quoted[3].to_owned()],
            body: quoted[5].to_owned(),
        })
    }

    fn with(&self, body: &str) -> Self {
        Self {
            body: body.to_owned(),
            ..self.clone()
        }
    }
}

#[test]
fn the_printed_lines_work_and_changed_ones_do_not() {
    for path in PROGRAMS {
        let program = Program::start(path);
        assert_eq!(program.lines.len(), 2, "{path}");
        for line in &program.lines {
            assert_eq!(program.post(line), 200, "{path} {line:?}");
            let forged = line.with(&line.body.replace("1234", "1235"));
            assert_eq!(program.post(&forged), 401, "{path} {forged:?}");
            let elsewhere = Curl {
                path: "/unloq/logout".to_owned(),
                ..line.clone()
            };
            assert_eq!(program.post(&elsewhere), 401, "{path} {elsewhere:?}");
            let cut = line.with(&line.body[..20]);
            assert_eq!(program.post(&cut), 400, "{path} {cut:?}");
            let unsigned = Curl {
                headers: line.headers[..1].to_vec(),
                ..line.clone()
            };
            assert_eq!(program.post(&unsigned), 401, "{path}");
            let untyped = Curl {
                headers: line.headers[1..].to_vec(),
                ..line.clone()
            };
            assert_eq!(program.post(&untyped), 415, "{path}");
            let long = line.with(&format!("{}{}", line.body, " ".repeat(16 * 1024)));
            assert_eq!(program.post(&long), 413, "{path}");
            let get = program.send("GET", &line.path, &line.headers, "");
            assert_eq!(get.status, 405, "{path}");
        }
    }
}

#[test]
fn a_remote_logout_ends_one_session_and_a_deactivation_all() {
    for path in PROGRAMS {
        let mut program = Program::start(path);
        let sign_in = |program: &Program| {
            let reply = program.send("POST", "/sign-in", &[], "");
            assert_eq!(reply.status, 200, "{path}: {}", reply.body);
            (reply.cookie.unwrap(), Curl::read(&reply.body).unwrap())
        };
        let (first, logout) = sign_in(&program);
        let (second, _) = sign_in(&program);
        assert_eq!(program.home(&first), "Signed in as 1234.\n", "{path}");

        assert_eq!(program.post(&logout), 200, "{path}");
        assert_eq!(program.says(), "logout of 1234: Now\n", "{path}");
        assert_eq!(program.home(&first), "Signed out.\n", "{path}");
        assert_eq!(program.home(&second), "Signed in as 1234.\n", "{path}");
        assert_eq!(
            program.post(&logout),
            200,
            "{path}: a duplicate, and not run"
        );

        let deactivate = program.lines[0].clone();
        assert_eq!(program.post(&deactivate), 200, "{path}");
        assert_eq!(
            program.says(),
            "deactivated 1234, with 1 sessions\n",
            "{path}"
        );
        assert_eq!(program.home(&second), "Signed out.\n", "{path}");
        assert_eq!(
            program.send("POST", "/sign-in", &[], "").status,
            403,
            "{path}"
        );

        // The word of an activation alone restores nothing: it may be an old one.
        let activate = program.lines[1].clone();
        assert_eq!(program.post(&activate), 200, "{path}");
        assert_eq!(
            program.says(),
            "activation of 1234: nobody confirms it\n",
            "{path}"
        );
        assert_eq!(
            program.send("POST", "/sign-in", &[], "").status,
            403,
            "{path}"
        );
    }
}

#[test]
fn without_a_secret_there_is_no_program() {
    for path in PROGRAMS {
        for secret in [None, Some("")] {
            let mut command = Command::new(path);
            command
                .env_remove("UNLOQ_SECRET")
                .env("BIND", "127.0.0.1:0");
            if let Some(secret) = secret {
                command.env("UNLOQ_SECRET", secret);
            }
            let output = command.output().unwrap();
            assert!(!output.status.success(), "{path} {secret:?}");
            assert!(output.stdout.is_empty(), "{path} {secret:?}");
            assert!(!output.stderr.is_empty(), "{path} {secret:?}");
        }
    }
}
