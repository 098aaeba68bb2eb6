//! A bucket of an S3-compatible store as a target: `s3://BUCKET/PREFIX`.
//!
//! Credentials, region and endpoint come from the usual variables (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION,
//! AWS_ENDPOINT_URL and so on). Compare-and-swap is If-None-Match and If-Match; an object's version is its ETag. The cell
//! is two objects below `PREFIX.cell/`.

mod cell;
mod http;

use std::{future::Future, ops::Range, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _};
use keyreeve_core::ports::{cell::Cell, crypto::Crypto};
use object_store::{
    GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    RetryConfig, UpdateVersion,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey},
    path::Path,
};
use tokio::runtime::Runtime;

use super::{Listed, PutIf, Target, TargetError, Version, bytes_max};

/// Objects in a listing, at most.
const LISTED_MAX: usize = 4 << 20;
/// A request is tried so often, and for so long, before the target counts as unreachable.
const TRIES_MAX: usize = 3;
const TRY_FOR: Duration = Duration::from_secs(20);

/// A target in a bucket.
pub(super) struct Bucket {
    requests: Arc<Requests>,
    crypto: Arc<dyn Crypto>,
    prefix: String,
    domain: String,
}

impl Bucket {
    /// The target below `prefix` in a bucket; touches nothing.
    ///
    /// # Errors
    /// `Address`.
    pub(super) fn new(
        (bucket, prefix): (&str, &str),
        environment: &[(String, String)],
        crypto: Arc<dyn Crypto>,
    ) -> Result<Self, TargetError> {
        let address = format!("s3://{bucket}/{prefix}");
        let wrong = |what: String| TargetError::Address { address: address.clone(), what };
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let fits = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(known);
        if !fits(bucket) || !prefix.split('/').all(fits) {
            return Err(wrong("after s3:// come a bucket and a prefix of letters, digits and -_./".into()));
        }
        let mut builder =
            AmazonS3Builder::new().with_bucket_name(bucket).with_http_connector(http::Connector);
        let mut endpoint = "aws";
        for (name, value) in environment {
            if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                if key == AmazonS3ConfigKey::Endpoint {
                    endpoint = value;
                }
                builder = builder.with_config(key, value);
            }
        }
        if http::names_user(endpoint) {
            // It would come on record as what the place shares with others.
            let what = "AWS_ENDPOINT_URL holds a user or a password: give credentials by AWS_ACCESS_KEY_ID and \
                        AWS_SECRET_ACCESS_KEY";
            return Err(wrong(what.into()));
        }
        if !http::is_safe(endpoint) {
            return Err(wrong(format!("{endpoint} is not https: plain http is for this machine alone")));
        }
        let retry = RetryConfig { max_retries: TRIES_MAX, retry_timeout: TRY_FOR, ..RetryConfig::default() };
        let store = builder.with_retry(retry).build().map_err(|error| wrong(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| wrong(error.to_string()))?;
        let domain = format!("bucket {bucket} at {endpoint}");
        let requests = Arc::new(Requests { address, runtime, store });
        Ok(Self { requests, crypto, prefix: prefix.to_owned(), domain })
    }

    fn path(&self, path: &str) -> Path {
        Path::from(format!("{}/{path}", self.prefix))
    }
}

impl Target for Bucket {
    fn address(&self) -> &str {
        &self.requests.address
    }

    fn put(&self, path: &str, bytes: &[u8], when: PutIf<'_>) -> Result<bool, TargetError> {
        let mode = match when {
            PutIf::Always => PutMode::Overwrite,
            PutIf::Absent => PutMode::Create,
            PutIf::Unchanged(version) => {
                PutMode::Update(UpdateVersion { e_tag: Some(version.0.clone()), version: None })
            }
        };
        match self.requests.put(&self.path(path), bytes, mode) {
            Ok(_) => Ok(true),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. }
                | object_store::Error::NotFound { .. },
            ) if !matches!(when, PutIf::Always) => Ok(false),
            Err(error) => Err(self.requests.unreachable(error)),
        }
    }

    fn get(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>, TargetError> {
        self.requests.get(&self.path(path), bytes_max(path))
    }

    fn get_range(&self, path: &str, offset: u64, len: u64) -> Result<Option<Vec<u8>>, TargetError> {
        let path = self.path(path);
        let Some(range) = self.requests.clip(&path, offset, len)? else { return Ok(None) };
        if range.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let bytes_max = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let read = async || collect(self.requests.store.get_opts(&path, options).await?, bytes_max).await;
        match self.requests.found(self.requests.run(read()))? {
            Some(None) => Err(self.requests.too_large(&path, bytes_max)),
            found => Ok(found.flatten()),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<Listed>, TargetError> {
        // The store lists whole folders.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let begin = format!("{}/", self.prefix);
        let mut found = Vec::new();
        for meta in self.requests.list(&self.path(folder))? {
            if let Some(path) = meta.location.as_ref().strip_prefix(&begin)
                && path.starts_with(prefix)
            {
                found.push(Listed { path: path.to_owned(), bytes: meta.size });
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn delete(&self, path: &str) -> Result<(), TargetError> {
        self.requests.remove(&self.path(path))
    }

    fn cell(&self) -> Result<Arc<dyn Cell>, TargetError> {
        let cell = cell::BucketCell::new(self.requests.clone(), self.crypto.clone(), &self.prefix);
        cell.probe()?;
        Ok(Arc::new(cell))
    }

    fn domain(&self) -> Option<String> {
        Some(self.domain.clone())
    }
}

/// Requests to one bucket, each run to its end in the calling thread.
struct Requests {
    address: String,
    runtime: Runtime,
    store: AmazonS3,
}

impl Requests {
    fn run<T>(&self, request: impl Future<Output = T>) -> T {
        self.runtime.block_on(request)
    }

    /// Writes an object; gives the id of its version where the bucket keeps versions.
    fn put(&self, path: &Path, bytes: &[u8], mode: PutMode) -> object_store::Result<Option<String>> {
        let options = PutOptions { mode, ..PutOptions::default() };
        let put = self.store.put_opts(path, PutPayload::from(bytes.to_vec()), options);
        self.run(put).map(|put| put.version.filter(|version| version != "null"))
    }

    fn get(&self, path: &Path, bytes_max: usize) -> Result<Option<(Vec<u8>, Version)>, TargetError> {
        let read = async || {
            let got = self.store.get(path).await?;
            let tag = got.meta.e_tag.clone().unwrap_or_default();
            Ok((collect(got, bytes_max).await?, Version(tag)))
        };
        match self.found(self.run(read()))? {
            None => Ok(None),
            Some((Some(bytes), version)) => Ok(Some((bytes, version))),
            Some((None, _)) => Err(self.too_large(path, bytes_max)),
        }
    }

    /// Removes an object, which may be gone already.
    fn remove(&self, path: &Path) -> Result<(), TargetError> {
        self.found(self.run(self.store.delete(path))).map(drop)
    }

    /// What there is of a range; none where there is no object.
    fn clip(&self, path: &Path, offset: u64, len: u64) -> Result<Option<Range<u64>>, TargetError> {
        let meta = self.found(self.run(self.store.head(path)))?;
        Ok(meta.map(|meta| offset.min(meta.size)..offset.saturating_add(len).min(meta.size)))
    }

    fn list(&self, folder: &Path) -> Result<Vec<object_store::ObjectMeta>, TargetError> {
        let listed = self.run(self.store.list(Some(folder)).take(LISTED_MAX + 1).try_collect());
        match listed.map_err(|error| self.unreachable(error))? {
            listed if Vec::len(&listed) > LISTED_MAX => {
                Err(self.unreachable(format!("it lists over {LISTED_MAX} objects: choose another prefix")))
            }
            listed => Ok(listed),
        }
    }

    fn found<T>(&self, result: object_store::Result<T>) -> Result<Option<T>, TargetError> {
        match result {
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            result => result.map(Some).map_err(|error| self.unreachable(error)),
        }
    }

    fn unreachable(&self, what: impl ToString) -> TargetError {
        TargetError::Unreachable { target: self.address.clone(), what: what.to_string() }
    }

    fn too_large(&self, path: &Path, bytes_max: usize) -> TargetError {
        TargetError::TooLarge { target: self.address.clone(), path: path.to_string(), bytes_max }
    }
}

/// What was sent; none where that is over `bytes_max`, whatever its length was said to be.
async fn collect(got: GetResult, bytes_max: usize) -> object_store::Result<Option<Vec<u8>>> {
    let (mut parts, mut bytes) = (got.into_stream(), Vec::new());
    while let Some(part) = parts.try_next().await? {
        if part.len() > bytes_max - bytes.len() {
            return Ok(None);
        }
        bytes.extend_from_slice(&part);
    }
    Ok(Some(bytes))
}
