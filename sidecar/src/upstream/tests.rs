//! Against raw sockets that misbehave on purpose and count what reached them.

mod exchanges;
mod heads;
mod pools;
mod retries;
mod rig;
mod streams;
