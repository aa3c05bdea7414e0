import FoundationEssentials
import GRDB
public import Meter

/// The definitions of meters, by the number of their names.
enum MeterTable {
    static func all(_ db: Database) throws -> [(name: Int64, definition: MeterDefinition)] {
        try Row.fetchAll(db, sql: "SELECT name, definition FROM meter").map { row in
            (row[0], try JSONDecoder().decode(MeterDefinition.self, from: row[1]))
        }
    }

    static func find(id: String, _ db: Database) throws -> (name: Int64, definition: MeterDefinition)? {
        try all(db).first { $0.definition.id == id }
    }

    static func find(named meterApiName: String, _ db: Database) throws -> (name: Int64, definition: MeterDefinition)? {
        guard let name = try NameTable.find(meterApiName, db),
            let data = try Data.fetchOne(db, sql: "SELECT definition FROM meter WHERE name = ?", arguments: [name])
        else { return nil }
        return (name, try JSONDecoder().decode(MeterDefinition.self, from: data))
    }

    static func write(_ meter: MeterDefinition, name: Int64, _ db: Database) throws {
        let taken = try String.fetchOne(
            db, sql: "SELECT id FROM meter WHERE label = ? AND name <> ?",
            arguments: [Data(meter.label.utf8), name])
        guard taken == nil else {
            throw StoreError(.conflict, "another meter has the label \"\(meter.label)\"; labels are unique")
        }
        try db.execute(
            sql: "INSERT OR REPLACE INTO meter (name, id, label, definition) VALUES (?, ?, ?, ?)",
            arguments: [name, meter.id, Data(meter.label.utf8), try json(meter)])
    }
}

/// A definition as JSON with its keys sorted, so that equal ones are equal bytes.
func json(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(value)
}

private func precedes(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
}

// The protocol documents what is public here.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteStore {
    public func meters() async throws(StoreError) -> [MeterDefinition] {
        try await read { db in
            try MeterTable.all(db).map(\.definition).sorted { precedes($0.meterApiName, $1.meterApiName) }
        }
    }

    public func create(_ meter: MeterDefinition, who: String) async throws(StoreError) -> MeterDefinition {
        try await write { db in
            var names = NameTable()
            let name = try names.id(of: meter.meterApiName, db)
            guard try MeterTable.find(named: meter.meterApiName, db) == nil else {
                throw StoreError(.conflict, "the meter \"\(meter.meterApiName)\" is defined already; PUT changes it")
            }
            try Deduplications.set(meter, name, db)
            try MeterTable.write(meter, name: name, db)
            try Rebuild(RollupMeter(name: name, definition: meter), db).run()
            try Change.append(
                who: who, what: "meter.create", subject: meter.meterApiName, after: Array(try json(meter)),
                time: meter.createTime, db)
            return meter
        }
    }

    public func update(_ meter: MeterDefinition, who: String) async throws(StoreError) -> MeterDefinition {
        try await write { db in
            guard let (name, old) = try MeterTable.find(id: meter.id, db) else {
                throw StoreError(.notFound, "there is no meter with the id \"\(meter.id)\"")
            }
            try Self.check(meter, after: old)
            try Deduplications.set(meter, name, db)
            try MeterTable.write(meter, name: name, db)
            let before = RollupMeter(name: name, definition: old)
            let after = RollupMeter(name: name, definition: meter)
            if before.dimensions != after.dimensions || before.isDuration != after.isDuration
                || (after.isDuration && before.timeout != after.timeout)
            {
                try Rebuild(after, db).run()
            }
            try Change.append(
                who: who, what: "meter.update", subject: meter.meterApiName, before: Array(try json(old)),
                after: Array(try json(meter)), time: meter.updateTime, db)
            return meter
        }
    }

    /// The rules by which a meter may change.
    private static func check(_ new: MeterDefinition, after old: MeterDefinition) throws(StoreError) {
        guard new.meterApiName.utf8.elementsEqual(old.meterApiName.utf8) else {
            throw StoreError(
                .invalid, "meterApiName cannot change, for records name the meter by it; define another meter")
        }
        let order = MeterDefinition.LockingStatus.allCases
        let (from, to) = (order.firstIndex(of: old.lockingStatus) ?? 0, order.firstIndex(of: new.lockingStatus) ?? 0)
        guard to >= from else {
            throw StoreError(
                .conflict,
                "lockingStatus goes one way: open, close_to_changes, deprecated; it is \(old.lockingStatus.rawValue)")
        }
        let isSame =
            new.meterType == old.meterType && isSame(new.dimensions, old.dimensions)
            && isSame(new.aggregationDimensions, old.aggregationDimensions)
            && new.timeoutInMinutes == old.timeoutInMinutes && new.deduplication == old.deduplication
        guard isSame || old.lockingStatus == .open else {
            throw StoreError(
                .conflict,
                "the meter is \(old.lockingStatus.rawValue): only its label, description and flags may change")
        }
    }

    private static func isSame(_ left: [String], _ right: [String]) -> Bool {
        left.map { Array($0.utf8) } == right.map { Array($0.utf8) }
    }

    public func deleteMeter(id: String, who: String, time: Int64) async throws(StoreError) -> MeterDefinition {
        try await write { db in
            guard let (name, meter) = try MeterTable.find(id: id, db) else {
                throw StoreError(.notFound, "there is no meter with the id \"\(id)\"")
            }
            guard meter.lockingStatus == .deprecated else {
                throw StoreError(
                    .conflict, "only a deprecated meter can be deleted; set its lockingStatus to deprecated first")
            }
            try db.execute(sql: "DELETE FROM meter WHERE name = ?", arguments: [name])
            try Rebuild.clear(meter: name, db)
            try Change.append(
                who: who, what: "meter.delete", subject: meter.meterApiName, before: Array(try json(meter)),
                time: time, db)
            return meter
        }
    }

    // MARK: - Customers

    public func customers() async throws(StoreError) -> [Customer] {
        try await read { db in
            try Data.fetchAll(db, sql: "SELECT definition FROM customer")
                .map { try JSONDecoder().decode(Customer.self, from: $0) }
                .sorted { precedes($0.customerId, $1.customerId) }
        }
    }

    public func customer(_ id: String) async throws(StoreError) -> Customer? {
        try await read { db in try Self.find(id, db)?.customer }
    }

    private static func find(_ id: String, _ db: Database) throws -> (name: Int64, customer: Customer)? {
        guard let name = try NameTable.find(id, db),
            let data = try Data.fetchOne(db, sql: "SELECT definition FROM customer WHERE name = ?", arguments: [name])
        else { return nil }
        return (name, try JSONDecoder().decode(Customer.self, from: data))
    }

    public func put(_ customer: Customer, isNew: Bool, who: String) async throws(StoreError) -> Customer {
        try await write { db in
            let old = try Self.find(customer.customerId, db)?.customer
            if isNew, old != nil {
                throw StoreError(
                    .conflict, "the customer \"\(customer.customerId)\" is defined already; PUT changes it")
            }
            if !isNew, old == nil {
                throw StoreError(.notFound, "there is no customer \"\(customer.customerId)\"; POST defines it")
            }
            var customer = customer
            customer.createTime = old?.createTime ?? customer.createTime
            var names = NameTable()
            try db.execute(
                sql: "INSERT OR REPLACE INTO customer (name, definition) VALUES (?, ?)",
                arguments: [try names.id(of: customer.customerId, db), try json(customer)])
            try Change.append(
                who: who, what: isNew ? "customer.create" : "customer.update", subject: customer.customerId,
                before: try old.map { Array(try json($0)) }, after: Array(try json(customer)),
                time: customer.updateTime, db)
            return customer
        }
    }

    public func deleteCustomer(_ id: String, who: String, time: Int64) async throws(StoreError) -> Customer {
        try await write { db in
            guard let (name, customer) = try Self.find(id, db) else {
                throw StoreError(.notFound, "there is no customer \"\(id)\"")
            }
            try db.execute(sql: "DELETE FROM customer WHERE name = ?", arguments: [name])
            try Change.append(
                who: who, what: "customer.delete", subject: id, before: Array(try json(customer)), time: time, db)
            return customer
        }
    }
}
