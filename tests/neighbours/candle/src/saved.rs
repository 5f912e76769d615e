//! The pattern to copy: a tensor of candle with serde, as its shape and an array of numbers.

use std::borrow::{Borrow, Cow};

use candle_core::{CpuStorage, Device, Result as CandleResult, Storage, Tensor};
use half::slice::HalfFloatSliceExt as _;
use half::vec::HalfBitsVecExt as _;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A tensor that serde can write, and read into the memory of the CPU. `Saved(&tensor)` can be written only.
#[derive(Debug, Clone)]
pub struct Saved<T = Tensor>(pub T);

#[derive(Serialize, Deserialize)]
struct Parts<'a> {
    shape: Cow<'a, [usize]>,
    numbers: Numbers<'a>,
}

/// Arrays of numbers, which larder writes and reads as they are in memory. Half floats have no type of their own in serde.
#[derive(Serialize, Deserialize)]
enum Numbers<'a> {
    U8(Cow<'a, [u8]>),
    U32(Cow<'a, [u32]>),
    I64(Cow<'a, [i64]>),
    F16(Cow<'a, [u16]>),
    Bf16(Cow<'a, [u16]>),
    F32(Cow<'a, [f32]>),
    F64(Cow<'a, [f64]>),
}

impl<T: Borrow<Tensor>> Serialize for Saved<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Neither copies a tensor that is in order, and in the memory of the CPU.
        let tensor =
            self.0.borrow().to_device(&Device::Cpu).and_then(|tensor| tensor.contiguous()).map_err(S::Error::custom)?;
        let (storage, layout) = tensor.storage_and_layout();
        let (Storage::Cpu(storage), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
            return Err(S::Error::custom("the tensor is not in order, or not in the memory of the CPU"));
        };
        let numbers = match storage {
            CpuStorage::U8(all) => Numbers::U8(all[start..end].into()),
            CpuStorage::U32(all) => Numbers::U32(all[start..end].into()),
            CpuStorage::I64(all) => Numbers::I64(all[start..end].into()),
            CpuStorage::F16(all) => Numbers::F16(all[start..end].reinterpret_cast().into()),
            CpuStorage::BF16(all) => Numbers::Bf16(all[start..end].reinterpret_cast().into()),
            CpuStorage::F32(all) => Numbers::F32(all[start..end].into()),
            CpuStorage::F64(all) => Numbers::F64(all[start..end].into()),
            _ => return Err(S::Error::custom(format_args!("numbers of type {:?} are not supported", tensor.dtype()))),
        };
        Parts { shape: tensor.dims().into(), numbers }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Saved {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Saved, D::Error> {
        Parts::deserialize(deserializer)?.tensor().map(Saved).map_err(D::Error::custom)
    }
}

impl Parts<'_> {
    /// The numbers stay where they were read to: nothing is copied.
    fn tensor(self) -> CandleResult<Tensor> {
        let (shape, cpu) = (&*self.shape, &Device::Cpu);
        match self.numbers {
            Numbers::U8(numbers) => Tensor::from_vec(numbers.into_owned(), shape, cpu),
            Numbers::U32(numbers) => Tensor::from_vec(numbers.into_owned(), shape, cpu),
            Numbers::I64(numbers) => Tensor::from_vec(numbers.into_owned(), shape, cpu),
            Numbers::F16(bits) => Tensor::from_vec(bits.into_owned().reinterpret_into::<half::f16>(), shape, cpu),
            Numbers::Bf16(bits) => Tensor::from_vec(bits.into_owned().reinterpret_into::<half::bf16>(), shape, cpu),
            Numbers::F32(numbers) => Tensor::from_vec(numbers.into_owned(), shape, cpu),
            Numbers::F64(numbers) => Tensor::from_vec(numbers.into_owned(), shape, cpu),
        }
    }
}
