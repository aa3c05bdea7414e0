import HTTP
import HTTPTypes

extension S3Client {
    /// Stores an object in parts: CreateMultipartUpload, UploadPart, CompleteMultipartUpload.
    ///
    /// Whatever goes wrong, the upload is aborted, so that no parts are left to be paid for.
    func putInParts(
        _ body: [UInt8], _ target: Target, _ fields: HTTPFields, ifNoneMatch: Bool, deadline: ContinuousClock.Instant?
    ) async throws(AWSError) -> S3PutOutcome {
        var create = target.call("CreateMultipartUpload", .post, query: [("uploads", "")])
        create.fields = fields
        let created = try await caller.send(create, deadline: deadline)
        guard let upload = (try? XMLElement(created.body))?["UploadId"], !upload.isEmpty else {
            throw .malformed("S3 CreateMultipartUpload", target.resource, what: "names no upload")
        }
        let outcome: S3PutOutcome
        do throws(AWSError) {
            let etags = try await sendParts(body, target, upload, deadline)
            outcome = try await complete(etags, target, upload, ifNoneMatch: ifNoneMatch, deadline)
        } catch {
            await abort(target, upload)
            throw error
        }
        if outcome == .alreadyExists { await abort(target, upload) }
        return outcome
    }

    /// Sends all parts, a few at a time, and gives their entity tags in order.
    private func sendParts(
        _ body: [UInt8], _ target: Target, _ upload: String, _ deadline: ContinuousClock.Instant?
    ) async throws(AWSError) -> [String] {
        let starts = Array(stride(from: 0, to: body.count, by: multipart.partBytes))
        let sent = await withTaskGroup(of: (Int, Result<String, AWSError>).self) { group in
            var next = 0
            func addPart() {
                guard next < starts.count else { return }
                let number = next
                let range = starts[number]..<min(starts[number] + multipart.partBytes, body.count)
                next += 1
                group.addTask {
                    do throws(AWSError) {
                        let etag = try await sendPart(Array(body[range]), number + 1, target, upload, deadline)
                        return (number, .success(etag))
                    } catch {
                        return (number, .failure(error))
                    }
                }
            }
            for _ in 0..<multipart.concurrency { addPart() }
            var etags = [String](repeating: "", count: starts.count)
            while let (number, result) = await group.next() {
                switch result {
                case .success(let etag):
                    etags[number] = etag
                    addPart()
                case .failure(let error):
                    group.cancelAll()
                    return Result<[String], AWSError>.failure(error)
                }
            }
            return .success(etags)
        }
        return try sent.get()
    }

    private func sendPart(
        _ part: [UInt8], _ number: Int, _ target: Target, _ upload: String, _ deadline: ContinuousClock.Instant?
    ) async throws(AWSError) -> String {
        let call = target.put(
            part, operation: "UploadPart", query: [("partNumber", String(number)), ("uploadId", upload)])
        let response = try await caller.send(call, deadline: deadline)
        guard let etag = response.head.headerFields[.eTag] else {
            throw .malformed("S3 UploadPart", target.resource, what: "has no ETag")
        }
        return etag
    }

    private func complete(
        _ etags: [String], _ target: Target, _ upload: String, ifNoneMatch: Bool, _ deadline: ContinuousClock.Instant?
    ) async throws(AWSError) -> S3PutOutcome {
        let parts = etags.enumerated().map { index, etag in
            "<Part><PartNumber>\(index + 1)</PartNumber><ETag>\(XMLElement.escape(etag))</ETag></Part>"
        }
        let list =
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            + "\(parts.joined())</CompleteMultipartUpload>"
        var call = target.call("CompleteMultipartUpload", .post, query: [("uploadId", upload)])
        call.fields[.contentType] = "application/xml"
        call.body = Array(list.utf8)
        // S3 keeps the connection alive with white space while it puts the parts together.
        call.timeout = .seconds(300)
        call.mayFailWithStatus200 = true
        // After this one S3 wants the whole upload again, which is up to the caller.
        call.finalCodes = ["ConditionalRequestConflict"]
        return try await conditionally(ifNoneMatch, call, deadline) { response in
            .created(etag: (try? XMLElement(response.body))?["ETag"])
        }
    }

    /// Gives up an upload.
    ///
    /// A failure to do so is no news: the call has failed for another reason already.
    private func abort(_ target: Target, _ upload: String) async {
        var call = target.call("AbortMultipartUpload", .delete, query: [("uploadId", upload)])
        call.timeout = .seconds(5)
        // A task of its own, since this must also be sent when the one at hand was cancelled.
        await Task { [caller, call] in
            _ = try? await caller.send(call, deadline: caller.clocks.now().advanced(by: .seconds(10)))
        }.value
    }
}
