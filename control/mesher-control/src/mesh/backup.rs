//! `/mesher/v1/backup`: all that the store holds, in one file, while everything goes on.
//! It must not hold the whole of it in memory: a slow reader makes the writing wait.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Frame;
use tokio::sync::mpsc;
use tracing::warn;

use crate::answer;
use crate::control::Control;

const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// Bytes that are sent at once.
const CHUNK: usize = 64 * 1024;
/// Chunks that wait for a slow reader.
const CHUNKS_WAITING: usize = 4;

/// `GET /mesher/v1/backup`. The last bytes are a checksum: what was cut off is refused when it is restored.
pub(super) async fn download(State(control): State<Arc<Control>>) -> Response {
    let Some(keep) = control.keep() else {
        let detail = "this control plane keeps everything in memory; start it with --data-dir DIR";
        return answer::mesh_error(409, "no_store", detail);
    };
    let store = keep.store().clone();
    let (sender, receiver) = mpsc::channel(CHUNKS_WAITING);
    tokio::spawn(async move {
        let sink = Sink { sender: sender.clone(), chunk: Vec::with_capacity(CHUNK) };
        let sent = match store.write_backup(sink).await {
            Ok((_, mut sink)) => tokio::task::spawn_blocking(move || sink.send()).await.unwrap_or(Ok(())),
            Err(error) => Err(io::Error::other(error)),
        };
        if let Err(error) = sent {
            warn!(%error, "a backup was not finished");
            // Where the reader has gone nobody hears of it.
            let _ = sender.send(Err(error)).await;
        }
    });
    ([(CONTENT_TYPE, OCTETS)], Body::new(Chunks(receiver))).into_response()
}

type Chunk = io::Result<Bytes>;

/// Collects what the store writes, on a thread that may block.
struct Sink {
    sender: mpsc::Sender<Chunk>,
    chunk: Vec<u8>,
}

impl Sink {
    fn send(&mut self) -> io::Result<()> {
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        let sent = self.sender.blocking_send(Ok(chunk.into()));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the reader has gone"))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend(bytes.iter().take(taken));
        if self.chunk.len() == CHUNK {
            self.send()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Chunks(mpsc::Receiver<Chunk>);

impl hyper::body::Body for Chunks {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(context).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}
