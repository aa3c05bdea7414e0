import Delivery
import Meter
import MeterLine

/// What waits in a bucket, and what is in it.
extension Redriver {
    /// How many objects one plan has at most.
    private static let maximumItems = 100_000
    /// How many objects are listed at once.
    private static let objectsOfPage = 5_000
    /// How much of an object whose key tells nothing is read to see what it is.
    private static let detectionBytes = 64 << 10
    /// Folders of what was delivered, or delivered again.
    private static let passedFolders = ["ingest", "manifest", "redriven"]

    /// Reads everything that waits, and changes nothing.
    ///
    /// - Throws: what the bucket throws.
    package func plan(onObject: (Int) -> Void) async throws -> RedrivePlan {
        var plan = RedrivePlan()
        var after: String?
        var isWhole = false
        while !isWhole {
            let page = try await bucket.list("", after: after, limit: Self.objectsOfPage)
            isWhole = page.isWhole
            for object in page.objects where isBehind(after, object.key) {
                after = object.key
                if let folder = Self.passedFolder(of: object.key), WaitingKind(key: object.key, in: context) == nil {
                    // Behind everything in the folder.
                    after = folder + "\u{10ffff}"
                    continue
                }
                guard plan.items.count < Self.maximumItems else {
                    plan.isWhole = false
                    return plan
                }
                if let item = try await item(object) { plan.items.append(item) } else { plan.others += 1 }
                onObject(plan.items.count + plan.others)
            }
            if page.objects.isEmpty { break }
        }
        return plan
    }

    /// Whether a key comes behind another one in the order of their bytes.
    private func isBehind(_ after: String?, _ key: String) -> Bool {
        after.map { $0.utf8.lexicographicallyPrecedes(key.utf8) } ?? true
    }

    /// The folder of a key in which nothing waits, with the slash at its end.
    private static func passedFolder(of key: String) -> String? {
        let names = key.split(separator: "/", omittingEmptySubsequences: false)
        guard let index = names.dropLast().firstIndex(where: { passedFolders.contains(String($0)) }) else { return nil }
        return names[...index].joined(separator: "/") + "/"
    }

    /// What an object is and holds; nil for one that is none of ours.
    private func item(_ object: BucketObject) async throws -> RedriveItem? {
        let known = WaitingKind(key: object.key, in: context)
        let detected = known == nil ? try await detect(object) : nil
        guard let kind = known ?? detected else { return nil }
        var item = RedriveItem(object, kind)
        do {
            switch kind {
            case .streamFailure, .directFailure: try await look(intoFailure: &item)
            case .rejects: try await look(intoRejects: &item)
            case .failedRequest: try await look(intoFailedRequest: &item)
            }
        } catch let damaged as ObjectText.Damaged {
            item.state = .damaged(damaged.description)
        }
        return item
    }

    /// Tells by its beginning what an object is whose key says nothing.
    private func detect(_ object: BucketObject) async throws -> WaitingKind? {
        let beginning = try await bucket.get(object.key, 0..<Self.detectionBytes)
        var lines = ObjectLines()
        do throws(ObjectText.Damaged) { try lines.read(beginning.span) } catch { return nil }
        let text = lines.beginning
        switch InputDocument.kind(of: text.span) {
        case .failureRecord, .failureMetadata, .event:
            let isDirect = text.firstRange(of: Array("\"requestPayload\"".utf8)) != nil
            return isDirect ? .directFailure : .streamFailure
        case .envelope, .logEvents: return nil
        case .unknown: return RejectLine.read(Array(text.prefix { $0 != UInt8(ascii: "\n") })) == nil ? nil : .rejects
        }
    }

    private func look(intoFailure item: inout RedriveItem) async throws {
        let text = try await ObjectText.document(item.object, of: bucket)
        guard let record = FailureRecord(text) else {
            throw ObjectText.Damaged(description: "it is no failure record of Lambda, or is cut off")
        }
        item.reasons = [record.note.condition.isEmpty ? "no reason told" : record.note.condition: 1]
        guard let event = record.event else {
            item.state = .metadata(record.note.remedy)
            return
        }
        do throws(LambdaEvent.Unsupported) {
            try count(event, &item.found)
        } catch {
            throw ObjectText.Damaged(description: error.description)
        }
    }

    /// Counts what is in an event.
    private func count(_ event: [UInt8], _ found: inout RedriveFigures) throws(LambdaEvent.Unsupported) {
        var accounting = Accounting()
        var reader = EnvelopeReader(lineReader: parts.reader)
        let pieces: [LambdaEvent.EncodedData?] =
            switch try LambdaEvent(event.span) {
            case .direct(let data): [data]
            case .kinesis(let records): records.map(\.data)
            case .check: []
            }
        for piece in pieces {
            let data = piece?.decoded(in: event.span) ?? []
            reader.read(data.span, source: .data(name: ""), accounting: &accounting) { found.see($0.origin?.timestamp) }
        }
        found.events += accounting.events
        found.records += accounting.records
        found.rejects += accounting.rejected
    }

    private func look(intoRejects item: inout RedriveItem) async throws {
        item.state = .unchanged
        try await readRejects(&item) { _ in }
        if item.found.records + item.found.repeated > 0 { item.state = .ready }
    }

    /// Reads rejects again, and hands on what they are by now.
    func readRejects(
        _ item: inout RedriveItem, _ body: ([Finding]) async throws -> Void
    ) async throws {
        var reader = RejectReader(lineReader: parts.reader)
        var current = item
        try await ObjectText.lines(item.object.key, of: bucket) { lines in
            for line in lines {
                guard let reject = RejectLine.read(line) else {
                    throw ObjectText.Damaged(description: "one of its lines is no reject")
                }
                current.reasons[reject.reason.rawValue, default: 0] += 1
                current.found.see(reject.timestamp)
                switch reader.read(reject) {
                case .found(let findings):
                    current.found.count(findings)
                    try await body(findings)
                case .remains(let reject):
                    current.found.rejects += 1
                    try await body([.reject(reject)])
                case .repeated: current.found.repeated += 1
                }
            }
        }
        item = current
    }

    private func look(intoFailedRequest item: inout RedriveItem) async throws {
        let reason = try await bucket.get(item.object.key, 0..<Self.detectionBytes)
        item.reasons = [String(decoding: reason, as: UTF8.self): 1]
        let lines = try await failedLines(&item)
        item.found.records = lines.count
    }

    /// The valid records of the object that a failed request is about, line by line.
    func failedLines(_ item: inout RedriveItem) async throws -> [(line: [UInt8], time: Int64)] {
        guard let key = Self.failedKey(item.object.key) else {
            throw ObjectText.Damaged(description: "its key names no object")
        }
        item.about = key
        let there = try await bucket.list(key, limit: 1).objects.first { $0.key == key }
        guard let there else {
            throw ObjectText.Damaged(
                description:
                    "the object \(key), which it is about, is not in \(bucket.name); give the URL of the place "
                    + "that holds both, and else bring the records with metertap backfill")
        }
        guard !key.hasSuffix(".csv"), !key.hasSuffix(".csv.gz") else {
            throw ObjectText.Damaged(
                description: "the object \(key) is CSV, which is not delivered again; write it anew")
        }
        let text = try await ObjectText.document(there, of: bucket)
        var found: [(line: [UInt8], time: Int64)] = []
        var (left, ids) = (0, [String]())
        var ignored: [[UInt8]: Int] = [:]
        do throws(IngestReader.Unreadable) {
            try IngestReader().read(text, format: .json, ignoredKeys: &ignored) { reading, line in
                guard case .record(let record) = reading else {
                    left += 1
                    return
                }
                if ids.count < 10, let id = record.uniqueId { ids.append(id) }
                // One of several members of `values` has the same line.
                let whole = line.map { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") ? UInt8(ascii: " ") : $0 }
                if found.last?.line != whole { found.append((whole, record.meterTimeInMillis)) }
            }
        } catch {
            throw ObjectText.Damaged(description: "the object \(key) cannot be read: \(error.description)")
        }
        for record in found { item.found.see(record.time) }
        item.found.rejects = left
        item.recordIds = ids
        return found
    }

    /// The key of the object that a failed request is about.
    package static func failedKey(_ key: String) -> String? {
        let names = key.split(separator: "/", omittingEmptySubsequences: false)
        guard let index = names.lastIndex(where: { $0 == "failed-requests" }), index + 2 < names.count,
            key.hasSuffix(".reason.txt")
        else { return nil }
        let about = names[..<index] + names[(index + 2)...]
        return String(about.joined(separator: "/").dropLast(".reason.txt".count))
    }
}

extension RedriveFigures {
    /// Counts what a reject has become.
    fileprivate mutating func count(_ findings: [Finding]) {
        for finding in findings {
            if case .record = finding { records += 1 } else { rejects += 1 }
        }
    }
}
