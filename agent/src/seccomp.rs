//! What no process of a capsule may do to the agent, in a filter on top of the runtime's. The spawner
//! takes it, so that its children have it from birth. What the spawner itself needs to call, it may call
//! with its word; children that could have seen some of its memory take a short filter more, for which no word counts.

use crate::sys::{check, Errno};

const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;
/// Bit of an x32 call; the numbers below it are those of x86-64 for every call named here but ioctl.
const X32: u32 = 0x4000_0000;

const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const XOR: u16 = 0xa4;
const OR_INDEX: u16 = 0x4c;
const TO_INDEX: u16 = 0x07;
const JUMP_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

const NUMBER_AT: u32 = 0;
const ARCH_AT: u32 = 4;

/// When a call is refused, by the low halves of its arguments: the kernel ignores the high ones.
#[derive(Clone, Copy)]
enum When {
    Always,
    /// Argument, value.
    Is(u32, u32),
    Not(u32, u32),
    /// Both, each as argument, value.
    Both(u32, u32, u32, u32),
    /// Arguments 2 and 3, which the call itself does not take, are not the word that is sealed in.
    Unworded,
}

/// Halves of a word: two arguments.
const HALVES: usize = 4;
/// Steps for which a sealed filter has room.
pub const MAX_STEPS: usize = 512;

struct Rule {
    number: u32,
    when: When,
    errno: i32,
}

/// Call numbers of one architecture.
struct Numbers {
    arch: u32,
    ioctl: u32,
    setpriority: u32,
    sched_setparam: u32,
    sched_setscheduler: u32,
    sched_setaffinity: u32,
    sched_setattr: u32,
    ioprio_set: u32,
    prlimit64: u32,
    clone3: u32,
}

#[rustfmt::skip]
#[cfg(any(test, target_arch = "x86_64"))]
const X86_64: [Numbers; 2] = [
    Numbers { arch: 0xc000_003e, ioctl: 16, setpriority: 141, sched_setparam: 142, sched_setscheduler: 144, sched_setaffinity: 203, sched_setattr: 314, ioprio_set: 251, prlimit64: 302, clone3: 435 },
    Numbers { arch: 0x4000_0003, ioctl: 54, setpriority: 97, sched_setparam: 154, sched_setscheduler: 156, sched_setaffinity: 241, sched_setattr: 351, ioprio_set: 289, prlimit64: 340, clone3: 435 },
];

#[rustfmt::skip]
#[cfg(any(test, target_arch = "aarch64"))]
const AARCH64: [Numbers; 2] = [
    Numbers { arch: 0xc000_00b7, ioctl: 29, setpriority: 140, sched_setparam: 118, sched_setscheduler: 119, sched_setaffinity: 122, sched_setattr: 274, ioprio_set: 30, prlimit64: 261, clone3: 435 },
    Numbers { arch: 0x4000_0028, ioctl: 54, setpriority: 97, sched_setparam: 154, sched_setscheduler: 156, sched_setaffinity: 241, sched_setattr: 380, ioprio_set: 314, prlimit64: 369, clone3: 435 },
];

/// This machine's calls of 64 and of 32 bits.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURES: [Numbers; 2] = X86_64;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURES: [Numbers; 2] = AARCH64;

/// Of children that are copies. Programs then use clone, whose flags a filter can see.
fn rules_of_children(numbers: &Numbers) -> Vec<Rule> {
    vec![Rule { number: numbers.clone3, when: When::Always, errno: libc::ENOSYS }]
}

fn rules(numbers: &Numbers) -> Vec<Rule> {
    let rule = |number, when, errno| Rule { number, when, errno };
    // The spawner makes its calls as this binary was compiled, so that no other way needs an exception.
    let own = numbers.arch == ARCHITECTURES[0].arch;
    vec![
        rule(numbers.clone3, if own { When::Unworded } else { When::Always }, libc::ENOSYS),
        // The limits of oneself are named by 0; a pid may be the agent's.
        rule(numbers.prlimit64, When::Not(0, 0), libc::EPERM),
        rule(numbers.sched_setaffinity, When::Is(0, 1), libc::EPERM),
        rule(numbers.sched_setscheduler, When::Is(0, 1), libc::EPERM),
        rule(numbers.sched_setparam, When::Is(0, 1), libc::EPERM),
        rule(numbers.sched_setattr, When::Is(0, 1), libc::EPERM),
        // By process, by process group, by user: the agent is found by all three.
        rule(numbers.setpriority, When::Both(0, 0, 1, 1), libc::EPERM),
        rule(numbers.setpriority, When::Both(0, 1, 1, 1), libc::EPERM),
        rule(numbers.setpriority, When::Is(0, 2), libc::EPERM),
        rule(numbers.ioprio_set, When::Both(0, 1, 1, 1), libc::EPERM),
        rule(numbers.ioprio_set, When::Both(0, 2, 1, 1), libc::EPERM),
        rule(numbers.ioprio_set, When::Is(0, 3), libc::EPERM),
        // Typing into a terminal that someone else reads.
        rule(numbers.ioctl, When::Is(1, 0x5412), libc::EPERM),
        rule(numbers.ioctl, When::Is(1, 0x541c), libc::EPERM),
    ]
}

/// A filter ready to be installed.
pub struct Filter(Vec<libc::sock_filter>);

fn step(code: u16, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code, jt, jf, k }
}

fn argument(index: u32) -> libc::sock_filter {
    step(LOAD, 16 + 8 * index, 0, 0)
}

/// Leaves 0 where arguments 2 and 3 are the word, whose halves are put into the steps that are XOR. Every half is looked at whatever the
/// others are, so that the time it takes tells nothing of them. Both machines have the low half first.
fn compare_word() -> Vec<libc::sock_filter> {
    let half = |index: u32| [step(LOAD, 32 + 4 * index, 0, 0), step(XOR, 0, 0, 0), step(OR_INDEX, 0, 0, 0), step(TO_INDEX, 0, 0, 0)];
    // The index register is 0 when a filter begins.
    (0..HALVES as u32).flat_map(half).collect()
}

/// The steps of one rule, entered with the call's number loaded and left with it loaded again.
fn compile(rule: &Rule) -> Vec<libc::sock_filter> {
    let refuse = step(RETURN, ERRNO | rule.errno as u32, 0, 0);
    let mut body = match rule.when {
        When::Always => vec![refuse],
        When::Is(arg, value) => vec![argument(arg), step(JUMP_EQUAL, value, 0, 1), refuse],
        When::Not(arg, value) => vec![argument(arg), step(JUMP_EQUAL, value, 1, 0), refuse],
        When::Both(one, first, other, second) => {
            vec![argument(one), step(JUMP_EQUAL, first, 0, 3), argument(other), step(JUMP_EQUAL, second, 0, 1), refuse]
        }
        When::Unworded => [compare_word(), vec![step(JUMP_EQUAL, 0, 1, 0), refuse]].concat(),
    };
    body.push(step(LOAD, NUMBER_AT, 0, 0));
    body.push(step(AND, !X32, 0, 0));
    let mut steps = vec![step(JUMP_EQUAL, rule.number, 0, body.len() as u8)];
    steps.append(&mut body);
    steps
}

impl Filter {
    /// The filter of the spawner and all that it makes, to be sealed with the spawner's word.
    pub fn of_all() -> Filter {
        Filter::build(rules)
    }

    /// The filter of children that are copies, on top of that.
    pub fn of_children() -> Filter {
        Filter::build(rules_of_children)
    }

    fn build(rules: fn(&Numbers) -> Vec<Rule>) -> Filter {
        Filter::of(&ARCHITECTURES, rules)
    }

    fn of(architectures: &[Numbers], rules: fn(&Numbers) -> Vec<Rule>) -> Filter {
        let mut steps = Vec::new();
        for numbers in architectures {
            let mut part = vec![step(LOAD, NUMBER_AT, 0, 0), step(AND, !X32, 0, 0)];
            rules(numbers).iter().for_each(|rule| part.append(&mut compile(rule)));
            part.push(step(RETURN, ALLOW, 0, 0));
            steps.push(step(LOAD, ARCH_AT, 0, 0));
            steps.push(step(JUMP_EQUAL, numbers.arch, 0, part.len() as u8));
            steps.append(&mut part);
        }
        // Another architecture is the first filter's business.
        steps.push(step(RETURN, ALLOW, 0, 0));
        Filter(steps)
    }

    /// The filter with this word, in memory that is the caller's to keep from others; none where there is no room in it.
    pub fn seal<'a>(&self, word: &[u64; 2], space: &'a mut [libc::sock_filter]) -> Option<&'a [libc::sock_filter]> {
        let halves = |index: usize| (word[index / 2] >> (32 * (index % 2))) as u32;
        let sealed = space.get_mut(..self.0.len())?;
        sealed.copy_from_slice(&self.0);
        let places = sealed.iter_mut().filter(|step| step.code == XOR);
        places.enumerate().for_each(|(index, step)| step.k = halves(index % HALVES));
        Some(sealed)
    }

    /// Binds this process and all it will ever start. Needs no_new_privs.
    pub fn install(&self) -> Result<(), Errno> {
        install(&self.0)
    }
}

/// The same for the steps of a filter.
pub fn install(steps: &[libc::sock_filter]) -> Result<(), Errno> {
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_ptr() as *mut libc::sock_filter };
    // SAFETY: the program is valid for the call; the kernel copies and checks it.
    check(unsafe { libc::syscall(libc::SYS_seccomp, 1, 0, &program as *const libc::sock_fprog) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [[Numbers; 2]; 2] = [X86_64, AARCH64];
    const EACH: [fn(&Numbers) -> Vec<Rule>; 2] = [rules, rules_of_children];

    /// What the kernel would answer: each step of the filter is done as the kernel does it.
    fn answer(filter: &Filter, arch: u32, number: u32, args: [u64; 4]) -> u32 {
        let (mut at, mut loaded, mut index) = (0, 0, 0);
        loop {
            let step = &filter.0[at];
            at += 1;
            match step.code {
                LOAD => {
                    loaded = match step.k {
                        NUMBER_AT => number,
                        ARCH_AT => arch,
                        offset => (args[(offset as usize - 16) / 8] >> (offset % 8 * 8)) as u32,
                    }
                }
                AND => loaded &= step.k,
                XOR => loaded ^= step.k,
                OR_INDEX => loaded |= index,
                TO_INDEX => index = loaded,
                JUMP_EQUAL => at += usize::from(if loaded == step.k { step.jt } else { step.jf }),
                RETURN => return step.k,
                code => panic!("no such step: {}", code),
            }
        }
    }

    #[test]
    fn the_numbers_of_this_machine_are_those_that_its_c_library_has() {
        let own = &ARCHITECTURES[0];
        let ours = [own.ioctl, own.setpriority, own.sched_setparam, own.sched_setscheduler, own.sched_setaffinity];
        let theirs =
            [libc::SYS_ioctl, libc::SYS_setpriority, libc::SYS_sched_setparam, libc::SYS_sched_setscheduler, libc::SYS_sched_setaffinity];
        assert_eq!(ours.map(i64::from), theirs);
        let ours = [own.sched_setattr, own.ioprio_set, own.prlimit64, own.clone3];
        assert_eq!(ours.map(i64::from), [libc::SYS_sched_setattr, libc::SYS_ioprio_set, libc::SYS_prlimit64, libc::SYS_clone3]);
    }

    #[test]
    fn on_each_architecture_the_named_calls_are_refused_and_others_go_on() {
        let (eperm, enosys) = (ERRNO | libc::EPERM as u32, ERRNO | libc::ENOSYS as u32);
        for architectures in &BOTH {
            let (all, children) = (Filter::of(architectures, rules), Filter::of(architectures, rules_of_children));
            for of in architectures {
                let on_agent = [of.sched_setaffinity, of.sched_setscheduler, of.sched_setparam, of.sched_setattr];
                for number in on_agent {
                    assert_eq!(answer(&all, of.arch, number, [1, 0, 0, 0]), eperm);
                    assert_eq!(answer(&all, of.arch, number, [0, 0, 0, 0]), ALLOW);
                }
                assert_eq!(answer(&all, of.arch, of.prlimit64, [7, 0, 0, 0]), eperm);
                assert_eq!(answer(&all, of.arch, of.prlimit64, [0, 7, 0, 0]), ALLOW);
                for (which, who, refused) in [(0, 1, true), (1, 1, true), (2, 9, true), (0, 0, false), (1, 9, false)] {
                    assert_eq!(answer(&all, of.arch, of.setpriority, [which, who, 0, 0]), if refused { eperm } else { ALLOW });
                    assert_eq!(answer(&all, of.arch, of.ioprio_set, [which + 1, who, 0, 0]), if refused { eperm } else { ALLOW });
                }
                for (command, expected) in [(0x5412, eperm), (0x541c, eperm), (0x5413, ALLOW)] {
                    assert_eq!(answer(&all, of.arch, of.ioctl, [0, command, 0, 0]), expected);
                }
                assert_eq!(answer(&children, of.arch, of.clone3, [0; 4]), enosys);
                assert_eq!(answer(&children, of.arch, of.ioctl, [0, 0x5412, 0, 0]), ALLOW);
            }
        }
    }

    #[test]
    fn clone3_is_there_for_the_whole_word_only_and_by_the_machines_own_way_only() {
        let word = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210];
        let mut space = [step(0, 0, 0, 0); MAX_STEPS];
        let sealed = Filter(Filter::of_all().seal(&word, &mut space).unwrap().to_vec());
        let children = Filter::of_children();
        let [own, other] = &ARCHITECTURES;
        let enosys = ERRNO | libc::ENOSYS as u32;
        let asked = |word: [u64; 2]| answer(&sealed, own.arch, own.clone3, [1, 2, word[0], word[1]]);
        assert_eq!(asked(word), ALLOW);
        assert_eq!(answer(&children, own.arch, own.clone3, [1, 2, word[0], word[1]]), enosys);
        assert_eq!(answer(&sealed, other.arch, other.clone3, [1, 2, word[0], word[1]]), enosys);
        for wrong in [[0; 2], [word[0], 0], [0, word[1]], [word[1], word[0]], [u64::MAX; 2]] {
            assert_eq!(asked(wrong), enosys);
        }
        for bit in 0..64 {
            assert_eq!([asked([word[0] ^ 1 << bit, word[1]]), asked([word[0], word[1] ^ 1 << bit])], [enosys; 2], "bit {}", bit);
        }
        assert!(Filter::of_all().seal(&word, &mut space[..8]).is_none());
    }

    #[test]
    fn every_jump_of_the_filter_fits_and_lands_inside() {
        for steps in BOTH.iter().flat_map(|both| EACH.map(|rules| Filter::of(both, rules).0)) {
            assert!(steps.len() <= MAX_STEPS);
            for (at, step) in steps.iter().enumerate() {
                if step.code == JUMP_EQUAL {
                    assert!(at + 1 + usize::from(step.jt.max(step.jf)) < steps.len());
                }
            }
        }
    }

    #[test]
    fn one_rule_block_is_short_enough_for_a_jump_over_the_whole_architecture() {
        for numbers in BOTH.iter().flatten() {
            for rules in EACH {
                let total: usize = rules(numbers).iter().map(|rule| compile(rule).len()).sum();
                assert!(total + 3 < 256, "{} steps", total);
            }
        }
    }
}
