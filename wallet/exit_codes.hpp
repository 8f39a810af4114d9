#pragma once

#include <array>

/// How `millrace` ends; scripts rely on these numbers, so they are never reused.
/// docs/manual/wallet.md lists them from this table.
namespace millrace::wallet {

enum class Exit : int {
    ok = 0,
    failed = 1,
    usage = 2,
    node_unreachable = 3,
    refused = 4,
    not_found = 5,
    wrong_passphrase = 6,
    bad_input = 7,
    job_failed = 8,
    cancelled = 9,
    differs = 10,
    unproven = 11,
    declined = 12,
    not_yet = 13,
    interrupted = 130,
};

struct ExitInfo {
    Exit code;
    const char* meaning;
};
inline constexpr std::array<ExitInfo, 15> kExits{{
    {Exit::ok, "done"},
    {Exit::failed, "the node or this machine failed; the sentence says how"},
    {Exit::usage, "the command line is wrong"},
    {Exit::node_unreachable, "no node answers at --node"},
    {Exit::refused, "the ledger refused the transaction; the sentence names the rule"},
    {Exit::not_found, "there is no such account, job, provider, block or module"},
    {Exit::wrong_passphrase, "the keystore does not open with this passphrase"},
    {Exit::bad_input, "a file or value given is not what it should be"},
    {Exit::job_failed, "the job ended, and not all of its tasks are paid results"},
    {Exit::cancelled, "not confirmed; nothing was sent"},
    {Exit::differs, "a result is another when its task is run again"},
    {Exit::unproven, "an answer of the node is not what the chain's validators signed"},
    {Exit::declined,
     "nothing was sent: nobody sells what is asked for, or it could cost more than --max-total"},
    {Exit::not_yet, "the job is not so far yet; `millrace job watch` waits for it"},
    {Exit::interrupted, "stopped by Ctrl-C; what was posted goes on"},
}};

}  // namespace millrace::wallet
