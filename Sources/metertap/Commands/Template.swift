import ArgumentParser

struct Template: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template",
        abstract: "Print a template that sets the agent up on AWS.",
        discussion: """
            Both kinds make the same resources from the same parameters, which the template itself describes. \
            docs/deploy-on-aws.md leads from an empty account to the first event.

            Example:
              metertap template cloudformation > template.yaml
              metertap template terraform > metertap/main.tf
            """)

    /// Who reads the template.
    enum Kind: String, CaseIterable, ExpressibleByArgument {
        case cloudformation, terraform

        var text: String {
            switch self {
            case .cloudformation: String(decoding: PackageResources.cloudformation_yaml, as: UTF8.self)
            case .terraform: String(decoding: PackageResources.terraform_tf, as: UTF8.self)
            }
        }
    }

    @Argument(help: "cloudformation, or terraform: a module in one file.")
    var kind: Kind

    func run() {
        print(kind.text, terminator: "")
    }
}
