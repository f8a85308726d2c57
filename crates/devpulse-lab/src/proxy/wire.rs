//! As much of HTTP/1.1 as a layer between one client and one server needs.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::fault::Reply;
use crate::request::{Request, decoded};

/// The server is in this process: it answers soon or never.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads the next request; `None` where the client has closed the connection.
pub(super) fn read_request(from: &mut impl BufRead) -> io::Result<Option<Request>> {
    let Some((start, headers)) = read_head(from)? else { return Ok(None) };
    let mut words = start.split(' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(ErrorKind::InvalidData.into());
    };
    let (method, path) = (method.to_owned(), path.to_owned());
    let raw = read_body(from, &headers, Unsized::Empty)?;
    let encoding = headers.iter().find(|(name, _)| name == "content-encoding");
    let body = decoded(encoding.map(|(_, value)| value.as_str()), &raw);
    let (raw, body) = (Arc::from(raw), Arc::from(body));
    Ok(Some(Request { at: Instant::now(), method, path, headers, raw, body }))
}

/// Asks the server, over a connection of its own.
pub(super) fn forward(server: SocketAddr, request: &Request) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut head = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", request.method, request.path);
    for (name, value) in request.headers.iter().filter(|(name, _)| name != "connection") {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(&[head.as_bytes(), &request.raw].concat())?;
    let mut from = BufReader::new(stream);
    let Some((start, headers)) = read_head(&mut from)? else {
        return Err(ErrorKind::UnexpectedEof.into());
    };
    let status = start.split(' ').nth(1).and_then(|text| text.parse().ok());
    let status = status.ok_or(ErrorKind::InvalidData)?;
    let bodiless = matches!(status, 204 | 304);
    let body =
        read_body(&mut from, &headers, if bodiless { Unsized::Empty } else { Unsized::ToEnd })?;
    let own = ["connection", "content-length", "transfer-encoding"];
    let headers = headers.into_iter().filter(|(name, _)| !own.contains(&name.as_str())).collect();
    Ok(Reply { status, headers, body })
}

/// The head of an answer, whose body has the length that is said.
pub(super) fn head(reply: &Reply) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} x\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !matches!(reply.status, 204 | 304) {
        head.push_str(&format!("content-length: {}\r\n", reply.body.len()));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// What a body without a length is.
#[derive(Clone, Copy)]
enum Unsized {
    Empty,
    ToEnd,
}

type Head = (String, Vec<(String, String)>);

fn read_head(from: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut start = String::new();
    if from.read_line(&mut start)? == 0 {
        return Ok(None);
    }
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Ok(Some((start.trim_end().to_owned(), headers)));
        }
        let (name, value) = line.split_once(':').ok_or(ErrorKind::InvalidData)?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_body(
    from: &mut impl BufRead,
    headers: &[(String, String)],
    length_unknown: Unsized,
) -> io::Result<Vec<u8>> {
    let value =
        |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let mut body = Vec::new();
    if value("transfer-encoding").is_some() {
        return read_chunks(from);
    }
    match (value("content-length"), length_unknown) {
        (Some(length), _) => {
            let length = length.parse().map_err(|_| ErrorKind::InvalidData)?;
            from.take(length).read_to_end(&mut body)?;
            if (body.len() as u64) < length {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        (None, Unsized::ToEnd) => {
            from.read_to_end(&mut body)?;
        }
        (None, Unsized::Empty) => {}
    }
    Ok(body)
}

fn read_chunks(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim(), 16).map_err(|_| ErrorKind::InvalidData)?;
        from.take(size).read_to_end(&mut body)?;
        from.read_line(&mut String::new())?;
        if size == 0 {
            return Ok(body);
        }
    }
}
