# SPDX-License-Identifier: Apache-2.0
"""A small SELinux policy for a virtual machine. The host may do everything; pods what is theirs, and look at what is shared; a pod with
other categories is another pod. Of classes that it does not name (pipes' ends, sockets) everybody may do everything."""
import subprocess

FILE = ("ioctl read write create getattr setattr lock relabelfrom relabelto append map unlink link rename execute mounton open "
        "entrypoint execute_no_trans add_name remove_name reparent search rmdir")
KINDS = "file dir lnk_file chr_file sock_file fifo_file"
PROCESS = ("fork transition sigchld sigkill sigstop signull signal ptrace getsched setsched getsession getpgid setpgid getcap setcap share getattr "
           "setexec setfscreate noatsecure siginh setrlimit rlimitinh dyntransition setkeycreate setsockcreate getrlimit")
NNP = "nnp_transition nosuid_transition"
KEY = "view read write search link setattr create"
TYPES = "host pod special podfile shared kernelfile".split()
LOOK = "read getattr open map execute search"
CATEGORIES = [f"c{n}" for n in range(1024)]


def each(form, items):
    return "\n".join(form.format(i) for i in items)


def allow(who, what, files, *classes):
    return "\n".join(f"(allow {who} {what} ({c}))" for c in [*(f"{kind} ({files})" for kind in KINDS.split()), *classes])


def policy_text():
    of_processes = (f"process ({PROCESS})", f"key ({KEY})")
    rules = [allow("host", t, FILE, *of_processes, f"process2 ({NNP})") for t in TYPES]
    for domain in ("pod", "special"):
        rules += [allow(domain, "podfile", FILE), allow(domain, domain, FILE, *of_processes)]
        rules += [allow(domain, t, LOOK) for t in ("shared", "kernelfile")]
        rules += [f"(allow {domain} host (fifo_file (read write getattr append)))"]  # the engine's pipes
    return f"""
(handleunknown allow) (mls true) (policycap nnp_nosuid_transition) (policycap open_perms)
{each("(class {} (" + FILE + "))", KINDS.split())} (class process ({PROCESS})) (class process2 ({NNP})) (class key ({KEY}))
(classorder ({KINDS} process process2 key))
(sid kernel) (sid security) (sid unlabeled) (sidorder (kernel security unlabeled))
(sensitivity s0) (sensitivityorder (s0)) {each("(category {})", CATEGORIES)}
(categoryorder ({" ".join(CATEGORIES)})) (sensitivitycategory s0 (range c0 c1023))
(level low (s0)) (level high (s0 (range c0 c1023))) (levelrange all (low high)) (levelrange none (low low))
(user u) (role r) (role object_r) (userrole u r) (userrole u object_r) (userlevel u low) (userrange u all)
{each("(type {0}) (roletype r {0}) (roletype object_r {0})", TYPES)}
(sidcontext kernel (u r host all)) (sidcontext security (u object_r kernelfile none)) (sidcontext unlabeled (u object_r host none))
{each("(fsuse trans {} (u object_r host none))", ["tmpfs", "devpts", "mqueue"])}
{each("(fsuse xattr {} (u object_r host none))", ["overlay", "erofs"])}
{each('(genfscon {} "/" (u object_r kernelfile none))', ["proc", "sysfs", "selinuxfs"])}
{each("(mlsconstrain ({} (read write append execute search)) (dom h1 h2))", KINDS.split())}
(mlsconstrain (key (read write view search link)) (dom h1 h2))
""" + "\n".join(rules)


def compile_policy(folder):
    (folder / "policy.cil").write_text(policy_text())
    subprocess.run(["secilc", "-c", "33", "-f", "/dev/null", "-o", str(folder / "policy"), str(folder / "policy.cil")], check=True)
    return folder / "policy"
