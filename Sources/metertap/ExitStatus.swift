import ArgumentParser
import SystemPackage

/// The exit codes of sysexits.h that Metertap uses.
extension ExitCode {
    static let badData = ExitCode(65)
    static let inputOutput = ExitCode(74)
    static let unavailable = ExitCode(69)
    static let noPermission = ExitCode(77)
    static let configuration = ExitCode(78)

    /// The code for a failed system call.
    init(_ error: Errno) {
        self = error == .permissionDenied || error == .notPermitted ? .noPermission : .inputOutput
    }
}

/// Ends the command with a message that says what to do, and an exit code.
struct Failure: Error {
    var message: String
    var code: ExitCode

    /// Prints the message to stderr.
    func exitCode() -> ExitCode {
        Terminal.error("metertap: \(message)")
        return code
    }
}
