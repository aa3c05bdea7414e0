import ArgumentParser
import FoundationEssentials
import MeterLine
import Yams

/// The file that says which meters there are to be.
enum MeterFile {
    static func read(_ path: String) throws -> [JSONTree] {
        let text: String
        do {
            text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        } catch {
            throw Failure(message: "\(path) cannot be read", code: .inputOutput)
        }
        let root: JSONTree
        do {
            root = try tree(try Yams.compose(yaml: text))
        } catch let error as YamlError {
            throw Failure(message: "\(path) is no YAML: \(error)", code: .badData)
        }
        guard case .array(let meters)? = root["meters"] else {
            throw Failure(message: "\(path) has no list named meters", code: .badData)
        }
        for (index, meter) in meters.enumerated() where meter["meterApiName"] == nil {
            throw Failure(message: "\(path): entry \(index + 1) of meters has no meterApiName", code: .badData)
        }
        return meters
    }

    private static func tree(_ node: Node?) throws -> JSONTree {
        switch node {
        case nil: .null
        case .mapping(let mapping):
            .object(try mapping.map { JSONTree.Member($0.key.string ?? "", try tree($0.value)) })
        case .sequence(let sequence): .array(try sequence.map(tree))
        case .scalar(let scalar): value(scalar)
        case .alias: throw YamlError.no
        }
    }

    /// Only what is written without quotation marks can be anything but a text.
    private static func value(_ scalar: Node.Scalar) -> JSONTree {
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        switch scalar.string {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "", "null", "~": return .null
        default: return Int(scalar.string) != nil ? .number(scalar.string) : .string(scalar.string)
        }
    }
}
