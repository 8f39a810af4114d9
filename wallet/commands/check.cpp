#include <memory>

#include "vm/image/publish.hpp"
#include "vm/module/check.hpp"
#include "vm/module/names.hpp"
#include "wallet/command_line.hpp"
#include "wallet/modules.hpp"

namespace millrace::wallet {

namespace {

boost::json::object diagnosis_json(const vm::Diagnosis& diagnosis) {
    boost::json::object out{{"ok", false},
                            {"text", vm::to_text(diagnosis)},
                            {"offset", diagnosis.error.offset},
                            {"section", diagnosis.section},
                            {"instruction", diagnosis.instruction},
                            {"advice", diagnosis.advice}};
    if (diagnosis.function) {
        out["function"] = *diagnosis.function;
        out["function_name"] = vm::printable(diagnosis.function_name);
    }
    return out;
}

Try<Ok> check(Context& context, const std::string& path) {
    MILLRACE_TRY(const Bytes module, read_module(path));
    const auto report = vm::check_module(module);
    if (!report.has_value())
        return Err{Failure{Exit::bad_input,
                           path + " cannot run on Millrace:\n" + vm::to_text(report.error()), 0,
                           diagnosis_json(report.error())}};
    if (report->profile)
        return Err{Failure{Exit::bad_input,
                           path + " is no program for Millrace:\n" + report->profile->text(), 0,
                           boost::json::object{{"ok", false}, {"text", report->profile->text()}}}};
    MILLRACE_TRY(const ImageRoot image, image_of(path, module));
    const std::string hex = to_hex(image.view());
    const boost::json::object out{{"ok", true},
                                  {"image", hex},
                                  {"size", report->size},
                                  {"functions", report->functions},
                                  {"instructions", report->instructions},
                                  {"text", vm::to_text(*report)}};
    std::string text = vm::to_text(*report);
    if (!text.ends_with('\n')) text += '\n';
    context.print(out, path + " runs on Millrace.\n" + text + "image root " + hex);
    return Ok{};
}

}  // namespace

void add_check_command(CLI::App& app, Context& context) {
    const auto path = std::make_shared<std::string>();
    const Command command = Command(app).add_subcommand(
        "check", "Whether a module runs on Millrace; if not, where and which flag mends it");
    command->add_option("module", *path, "WebAssembly module, app.wasm")->required();
    command->footer("Example:\n  millrace check app.wasm\n\nNeeds no node and no account.");
    command->callback(
        [&context, path] { context.action = [&context, path] { return check(context, *path); }; });
}

}  // namespace millrace::wallet
