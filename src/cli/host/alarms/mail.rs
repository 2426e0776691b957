//! Alarms by mail: handed to one server over TLS, or to the mail server of this host. STARTTLS, which whoever stands between can take
//! out of the conversation, is not spoken.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use url::Url;

use crate::alarm::Alarm;
use crate::cli::exit::with_causes;
use crate::cli::host::https;
use crate::secret::Secret;

/// Where mail servers listen, with TLS from the first byte and without.
const PORTS: (u16, u16) = (465, 25);

/// Hands one mail to the server.
pub(super) async fn send(
    (server, ca): (&Url, &Path),
    (from, to): (&Address, &[Address]),
    login: Option<(&str, Secret)>,
    alarm: &Alarm,
) -> Result<(), String> {
    let message = message(from, to, alarm)?;
    let stream: Box<dyn AsyncTokioStream> = if server.scheme() == "smtp" {
        Box::new(https::connect(server, PORTS.1).await?)
    } else {
        Box::new(OverTls(https::connect_tls(&https::client(ca)?, server, PORTS.0).await?))
    };
    let told = |error: lettre::transport::smtp::Error| with_causes(&error);
    let hello = ClientId::Domain(alarm.host.clone());
    let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello).await.map_err(told)?;
    if let Some((user, password)) = login {
        let password = password.expose_text().map_err(|error| error.to_string())?;
        let credentials = Credentials::new(user.to_owned(), password.trim().to_owned());
        connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await.map_err(told)?;
    }
    connection.send(message.envelope(), &message.formatted()).await.map_err(told)?;
    // It has been taken; how we part changes nothing.
    drop(connection.quit().await);
    Ok(())
}

fn message(from: &Address, to: &[Address], alarm: &Alarm) -> Result<Message, String> {
    let mailbox = |address: &Address| Mailbox::new(None, address.clone());
    let mut message = Message::builder()
        .from(mailbox(from))
        .date(SystemTime::UNIX_EPOCH + Duration::from_millis(alarm.at))
        // Who gets a second copy sees that it is one.
        .message_id(Some(format!("<{}@{}>", alarm.id, from.domain())))
        .subject(format!("reeve · {}: {}", alarm.host, alarm.what))
        .header(ContentType::TEXT_PLAIN);
    for address in to {
        message = message.to(mailbox(address));
    }
    message.body(format!("{}\n", alarm.text)).map_err(|error| with_causes(&error))
}

/// A connection over our TLS, as the library wants one.
#[derive(Debug)]
struct OverTls(TlsStream<TcpStream>);

impl AsyncTokioStream for OverTls {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl AsyncRead for OverTls {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl AsyncWrite for OverTls {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}
