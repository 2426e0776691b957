//! Answers of a size that can be meant: whoever answers in Azure's place does not fill this process's memory.

use azure_core::error::{Error, ErrorKind};
use azure_core::http::{AsyncRawResponse, HttpClient, Request};
use bytes::Bytes;
use futures_util::StreamExt;
use reqwest::Response;

/// A vault's value has 25 KiB, a token some, an error a page.
const LONGEST: usize = 1 << 20;

/// What speaks to servers, for the SDK.
#[derive(Debug)]
pub(super) struct Bounded(pub(super) reqwest::Client);

#[async_trait::async_trait]
impl HttpClient for Bounded {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let (status, headers, body) = self.0.execute_request(request).await?.deconstruct();
        let mut left = LONGEST;
        let bounded = body.map(move |part: azure_core::Result<Bytes>| -> azure_core::Result<Bytes> {
            let part = part?;
            left = left.checked_sub(part.len()).ok_or_else(|| {
                Error::with_message(ErrorKind::DataConversion, "the answer is longer than any that is meant")
            })?;
            Ok(part)
        });
        Ok(AsyncRawResponse::new(status, headers, Box::pin(bounded)))
    }
}

/// The same for what is asked without the SDK.
pub(super) async fn body(mut answer: Response, most: usize) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|_broken| "the answer broke off")? {
        bytes.extend_from_slice(&part);
        if bytes.len() > most {
            return Err("the answer is longer than any that is meant");
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use azure_core::http::{Method, Url};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers with that many bytes, and how many it got rid of.
    async fn server(bytes: usize) -> (String, tokio::task::JoinHandle<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let sends = async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            // Who answers before he was asked is taken for no server.
            let (mut asked, mut part) = (Vec::new(), [0; 1024]);
            while !asked.ends_with(b"\r\n\r\n") {
                let count = stream.read(&mut part).await.unwrap();
                asked.extend_from_slice(&part[..count]);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await.unwrap();
            let (part, mut sent) = (vec![b'x'; 1 << 16], 0);
            while sent < bytes && stream.write_all(&part).await.is_ok() {
                sent += part.len();
            }
            sent
        };
        (address, tokio::spawn(sends))
    }

    fn http() -> reqwest::Client {
        reqwest::Client::builder().no_proxy().build().unwrap()
    }

    #[tokio::test]
    async fn an_answer_that_does_not_end_is_cut_off() {
        const ENDLESS: usize = 1 << 30;
        let (address, sent) = server(ENDLESS).await;
        let request = Request::new(Url::parse(&address).unwrap(), Method::Get);
        let answer = Bounded(http()).execute_request(&request).await.unwrap();
        let problem = answer.into_body().collect().await.unwrap_err().to_string();
        assert!(problem.contains("longer than any"), "{problem}");
        assert!(sent.await.unwrap() < 64 << 20);
        let (address, sent) = server(ENDLESS).await;
        let answer = http().get(address).send().await.unwrap();
        assert_eq!(body(answer, LONGEST).await.unwrap_err(), "the answer is longer than any that is meant");
        assert!(sent.await.unwrap() < 64 << 20);
    }

    #[tokio::test]
    async fn an_answer_that_fits_comes_whole() {
        let (address, _sent) = server(LONGEST).await;
        let request = Request::new(Url::parse(&address).unwrap(), Method::Get);
        let answer = Bounded(http()).execute_request(&request).await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().len(), LONGEST);
        let (address, _sent) = server(LONGEST).await;
        let answer = http().get(address).send().await.unwrap();
        assert_eq!(body(answer, LONGEST).await.unwrap().len(), LONGEST);
    }
}
