//! The addresses that a control plane listens on. Behind each of them is the same.
//! It must not let one door keep the others waiting.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use tokio::net::{TcpListener, TcpStream};

use crate::{ControlError, Settings};

/// Open doors.
#[derive(Debug)]
pub(crate) struct Doors {
    listeners: Vec<TcpListener>,
    main: SocketAddr,
    kie: Option<SocketAddr>,
    config_center: Option<SocketAddr>,
    /// Which one is asked first the next time.
    next: usize,
}

impl Doors {
    pub(crate) async fn open(settings: &Settings) -> Result<Self, ControlError> {
        let (listener, main) = bind(settings.listen).await?;
        let mut doors = Self { listeners: vec![listener], main, kie: None, config_center: None, next: 0 };
        doors.kie = doors.add(settings.kie_listen).await?;
        doors.config_center = doors.add(settings.config_center_listen).await?;
        Ok(doors)
    }

    async fn add(&mut self, asked: Option<SocketAddr>) -> Result<Option<SocketAddr>, ControlError> {
        let Some(asked) = asked else { return Ok(None) };
        let (listener, address) = bind(asked).await?;
        self.listeners.push(listener);
        Ok(Some(address))
    }

    pub(crate) const fn main(&self) -> SocketAddr {
        self.main
    }

    pub(crate) const fn kie(&self) -> Option<SocketAddr> {
        self.kie
    }

    pub(crate) const fn config_center(&self) -> Option<SocketAddr> {
        self.config_center
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        [Some(self.main), self.kie, self.config_center].into_iter().flatten()
    }

    /// The next connection through any of them.
    pub(crate) async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|context| self.poll_accept(context)).await
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let count = self.listeners.len();
        for step in 0..count {
            let place = (self.next + step) % count;
            let accepted = self.listeners.get(place).map(|listener| listener.poll_accept(context));
            if let Some(Poll::Ready(accepted)) = accepted {
                self.next = place + 1;
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }
}

async fn bind(asked: SocketAddr) -> Result<(TcpListener, SocketAddr), ControlError> {
    let fails = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => ControlError::AddressTaken(asked),
        _ => ControlError::Listen { address: asked, source },
    };
    let listener = TcpListener::bind(asked).await.map_err(fails)?;
    let address = listener.local_addr().map_err(fails)?;
    Ok((listener, address))
}
