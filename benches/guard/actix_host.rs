//! Running a site on actix-web: directly, or by a server.

use std::{
    hint::black_box,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    thread,
};

use actix_http::Request;
use actix_web::{
    App, Error, HttpServer,
    dev::{Service, ServiceResponse},
    http::{
        Method, Uri,
        header::{COOKIE, HeaderValue, SET_COOKIE},
    },
    test,
};
use keylockr_benches::Subject;
use tokio::{runtime::Runtime, task::unconstrained};

use crate::{actix_sites::Pages, sign_in::pair, site::Host};

/// Makes the app, for every worker anew.
pub(crate) struct ActixHost<F>(pub(crate) F);

impl<F, T> Host for ActixHost<F>
where
    F: Fn() -> App<T> + Clone + Send + 'static,
    T: Pages,
{
    fn in_process<'a>(&self, runtime: &'a Runtime, cookie: &str) -> Box<dyn Subject + 'a> {
        let service = runtime.block_on(test::init_service((self.0)()));
        Box::new(InProcess {
            runtime,
            service,
            uri: Uri::from_static("/"),
            cookie: HeaderValue::from_str(cookie).expect("a cookie"),
        })
    }

    fn serve(&self) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let app = self.0.clone();
        thread::spawn(move || {
            actix_web::rt::System::new().block_on(async {
                let server = HttpServer::new(app).workers(1).disable_signals();
                server.listen(listener)?.run().await
            })
        });
        Ok(address)
    }
}

struct InProcess<'a, S> {
    runtime: &'a Runtime,
    service: S,
    uri: Uri,
    cookie: HeaderValue,
}

impl<S, B> InProcess<'_, S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
{
    fn request(&self) -> Request {
        let mut request = Request::new();
        let head = request.head_mut();
        head.method = Method::GET;
        head.uri = self.uri.clone();
        head.headers.insert(COOKIE, self.cookie.clone());
        request
    }
}

impl<S, B> Subject for InProcess<'_, S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
{
    /// A session in a cookie is only as young as its last answer.
    fn settle(&mut self) {
        let answer = self.service.call(self.request());
        let response = self.runtime.block_on(answer).expect("an answer");
        if let Some(cookie) = response.headers().get(SET_COOKIE) {
            let cookie = pair(cookie.to_str().expect("a cookie"));
            self.cookie = HeaderValue::from_str(&cookie).expect("a cookie");
        }
    }

    fn run(&mut self, iterations: u32) {
        // A task of a server is given its budget anew for every request.
        self.runtime.block_on(unconstrained(async {
            for _ in 0..iterations {
                let answer = self.service.call(self.request()).await;
                let response = answer.expect("an answer");
                assert_eq!(response.status(), 200);
                black_box(response);
            }
        }));
    }
}
